"""A site of a federation: its samples and private state, and what it answers."""
