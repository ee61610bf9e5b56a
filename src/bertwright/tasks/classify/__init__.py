"""Single sentences and pairs to classes: the encoder and one added output layer (paper, section 4.1)."""
