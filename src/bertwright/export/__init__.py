"""A model as one ONNX graph, in float32 or with int8 weights: written, checked, opened again and asked.

The graph is built from the named weights, not traced: it is small, fully known, and has any batch and length.
The packages ``onnx`` and ``onnxruntime`` (extra ``onnx``) are imported when they are first needed.
"""
