"""The feature-based way: the encoder stays as it is, its vectors are the input of another model (paper,
section 5.3)."""
