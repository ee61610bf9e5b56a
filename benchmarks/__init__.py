"""Measurements against the peers: both sides in the same run, taking turns, medians of ratios."""
