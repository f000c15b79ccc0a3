"""Customers, their vehicles, tokens and saved cards, and the account right that follows from them."""
