"""The nodes of an ONNX graph while it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

TYPES = {
    torch.float32: onnx.TensorProto.FLOAT,
    torch.float64: onnx.TensorProto.DOUBLE,
    torch.int64: onnx.TensorProto.INT64,
    torch.int32: onnx.TensorProto.INT32,
    torch.uint64: onnx.TensorProto.UINT64,
    torch.bool: onnx.TensorProto.BOOL,
}


@dataclass
class Value:
    """A tensor that is known when the program runs.

    Args:
        name: in the graph.
        dtype: of the tensor.
        rank: its number of dimensions.
        sizes: when it was traced.
        written: what to do when it is written in place: gets the name of the new values.
        shifted: the value and the bits, if this is a value shifted to the right.
    """

    name: str
    dtype: torch.dtype
    rank: int
    sizes: Sequence[int] = ()
    written: Callable[[str], None] | None = None
    shifted: tuple["Value", int] | None = None

    def write(self, name: str) -> "Value":
        """Take other values, in place."""
        self.name, self.shifted = name, None
        if self.written is not None:
            self.written(name)
        return self


@dataclass
class Builder:
    """Collects nodes; equal ones are made once.

    Args:
        nodes: those made so far, each after those that it needs.
        constants: by their names.
        prefix: of the names of nodes.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    prefix: str = "n"
    _made: dict[Any, list[str]] = field(default_factory=dict)

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and give the name of that."""
        return self.several(kind, *inputs, outputs=1, **attributes)[0]

    def several(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node and give the names of its outputs."""
        key = kind, inputs, tuple(sorted(attributes.items()))
        if key not in self._made or kind.startswith("Random"):
            # without names older runtimes mix their own up
            node = f"{self.prefix}{len(self.nodes)}"
            names = [f"{node}_{number}" for number in range(outputs)]
            self.nodes.append(helper.make_node(kind, list(inputs), names, node, **attributes))
            self._made[key] = names
        return self._made[key]

    def inside(self) -> "Builder":
        """A builder of the body of a node that comes next, which knows what was made before."""
        prefix = f"{self.prefix}{len(self.nodes)}_"
        return Builder([], self.constants, prefix, dict(self._made))

    def loop(self, start: Sequence[str], body: onnx.GraphProto) -> list[str]:
        """Add a loop: whether to begin, and values to begin with; the names of those at its end."""
        node = f"{self.prefix}{len(self.nodes)}"
        names = [f"{node}_{number}" for number in range(len(start) - 1)]
        self.nodes.append(helper.make_node("Loop", ["", *start], names, node, body=body))
        return names

    def constant(self, value: Any, dtype: torch.dtype | None = None) -> str:
        """The name of a tensor or number that is known now."""
        # numbers at once as what they are to be: a float would round them
        known = isinstance(value, Tensor)
        tensor = value.detach().cpu() if known else torch.tensor(value, dtype=dtype)
        tensor = tensor.to(torch.int64 if tensor.dtype is torch.int16 else dtype or tensor.dtype)
        array = tensor.contiguous().numpy()
        key = "constant", array.dtype.str, array.shape, array.tobytes()
        if key not in self._made:
            name = f"c{len(self.constants)}"
            self.constants[name] = numpy_helper.from_array(array, name)
            self._made[key] = [name]
        return self._made[key][0]

    def ints(self, *values: int) -> str:
        """The name of a list of whole numbers."""
        return self.constant(torch.tensor(values, dtype=torch.int64))

    def name(self, value: Any, dtype: torch.dtype | None = None) -> str:
        """The name of anything, of this type."""
        if not isinstance(value, Value):
            return self.constant(value, dtype)
        return value.name if dtype in (None, value.dtype) else self.cast(value.name, dtype)

    def cast(self, name: str, dtype: torch.dtype) -> str:
        """Values as another type."""
        return self("Cast", name, to=TYPES[dtype])

    def shape(self, sizes: Sequence[Any], known: dict[int, int] | None = None) -> str:
        """The name of a shape.

        Args:
            sizes: whole numbers, some known when the program runs.
            known: what to write for some numbers (-1).
        """
        if not any(isinstance(size, Value) for size in sizes):
            return self.ints(*((known or {}).get(int(size), int(size)) for size in sizes))
        one = self.ints(1)
        parts = [
            self("Reshape", size.name, one)
            if isinstance(size, Value)
            else self.shape([size], known)
            for size in sizes
        ]
        return self("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]

    def filled(self, value: Any, shape: str, dtype: torch.dtype) -> str:
        """A tensor of one number."""
        return self("Expand", self.constant(value, dtype), shape)

    def size(self, name: str, axis: int) -> str:
        """One size of a tensor, as a list of one number."""
        return self("Gather", self("Shape", name), self.ints(axis), axis=0)
