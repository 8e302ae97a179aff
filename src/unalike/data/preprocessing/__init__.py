"""How raw samples become numbers that a network can learn from."""
