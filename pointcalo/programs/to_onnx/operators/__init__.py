"""Operations of a trace, each as nodes of ONNX.

A function takes the builder, the type and rank of its result, and the arguments of the operation of
torch that has its name. Values that are known only when the program runs are `Value`s; all others
are what they are. What it cannot translate raises NotImplementedError, which becomes one line.
"""

from pointcalo.programs.to_onnx.operators import (  # each enters its own
    arithmetic,
    comparisons,
    functions,
    indexing,
    layers,
    order,
    shapes,
    sums,
)
from pointcalo.programs.to_onnx.operators.registry import OPERATORS

__all__ = [
    "OPERATORS",
    "arithmetic",
    "comparisons",
    "functions",
    "indexing",
    "layers",
    "order",
    "shapes",
    "sums",
]
