"""The auditor keeps its own books from the logs and compares. It shares no code with the rules that it judges: only the
words of ``shared`` and the price of a stay, which has its own tests against published cases."""
