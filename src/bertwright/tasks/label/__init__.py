"""Texts and pairs to any number of labels: classification where a column holds several."""
