"""Blocks of an encoder whose products are those of whole numbers of 8 bits, for networks that only answer.

Weights are rounded once, with a scale for each output; what is multiplied with them is rounded on the way,
with a scale for each token ("dynamic quantization"; Jacob et al. 2018, section 2.1, both zero points 0). So
what is said of a text does not depend on the texts beside it. The products are PyTorch's; everything between
them is done in one pass over memory each, by compiled kernels: back to float32, bias, GELU, residual and
normalization, attention, and the next rounding.
"""
