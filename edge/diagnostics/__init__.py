"""What tells how a box is, in one file that may leave it: without secrets, plates and tokens, and of bounded size."""
