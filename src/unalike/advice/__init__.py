"""From clients to a method: a shortlist by rules, a race on training data, one test."""
