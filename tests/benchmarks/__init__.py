"""Speed of the three paths that matter, each next to the least that any program on this machine would need for it."""
