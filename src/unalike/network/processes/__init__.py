"""Processes that end with those that started them, and folders with one process at a time."""
