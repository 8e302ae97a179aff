"""How unlike clients are, in which way, and whether that is more than chance."""
