"""What makes clients unlike on top of a split, one file per kind of skew."""
