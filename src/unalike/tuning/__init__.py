"""Which settings a method is tried with: what is searched, how it is proposed, who goes on.

Numbers in, numbers out: `study` runs the trials.
"""
