"""Messages to customers: what they say, that they arrive, and a record of every attempt."""
