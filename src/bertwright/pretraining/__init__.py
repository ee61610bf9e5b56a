"""Pre-training as the paper does it: masked language model and next sentence, in phases of growing length."""
