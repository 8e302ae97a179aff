"""How a worker ends, for the process that started it."""

REFUSED = 3
"""The site's data do not fit, or the server refuses it: not to be started again."""
OVER_TIME_LIMIT = 75
"""A step took too long: to be started again, the state is on disk."""
