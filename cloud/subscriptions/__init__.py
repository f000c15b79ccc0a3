"""Passes: plans that headquarters offers and the subscriptions that customers hold."""
