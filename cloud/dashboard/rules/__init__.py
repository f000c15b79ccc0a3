"""What the live page shows and how it says it: values, words and drawings. Pure."""
