"""Functions of tensors as files, and back: traced once, run by LibTorch or ONNX Runtime.

`cpp` is a program that makes the showers of `network=cells` without either.
"""
