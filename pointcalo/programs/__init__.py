"""Functions of tensors as files, and back: traced once, run by LibTorch or ONNX Runtime."""
