"""Cards: what customers owe is taken by a provider, in the end, and the cloud's books say what it took."""
