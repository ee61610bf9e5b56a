"""The feature-based way: the encoder's vectors as the input of another model (paper, section 5.3)."""
