"""Facilities as headquarters configures them."""
