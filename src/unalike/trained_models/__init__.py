"""Models that a study has trained: plain modules that take raw rows, saved, loaded and exported."""
