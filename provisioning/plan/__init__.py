"""Replays charging sessions of the past under a budget, by the policies of the house."""
