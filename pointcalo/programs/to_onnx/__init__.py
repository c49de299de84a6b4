"""A traced program as ONNX.

PyTorch's own exporters do not get there: that of graphs (torch.export) wants to know how many hits
there are, and that of traces is no longer kept and loses the types on the way. A trace knows type
and rank of each of its values, which is all that a translation operation by operation needs.
"""

from pointcalo.programs.to_onnx.writing import OPSET, write_onnx

__all__ = ["OPSET", "write_onnx"]
