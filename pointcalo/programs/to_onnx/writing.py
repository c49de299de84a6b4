"""A program as a file of ONNX: its trace, walked through once."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper

from pointcalo.programs.tables import Table
from pointcalo.programs.to_onnx.builder import TYPES, Builder, Value
from pointcalo.programs.to_onnx.operators import OPERATORS

OPSET = 18  # ONNX Runtime 1.14 (2023) and later read it
IR_VERSION = 8
SCALARS = {"Float": torch.float32, "Double": torch.float64, "Long": torch.int64}
SCALARS |= {"Int": torch.int32, "Bool": torch.bool}
SCALARS |= {"Short": torch.int64}  # runtimes know little to do with short integers
NUMBERS = {"int": torch.int64, "float": torch.float32, "bool": torch.bool}
ENDLESS = 2**63 - 1  # turns of a loop that ends by its condition
SAME = (
    "NumToTensor",
    "Int",
    "Bool",
    "ScalarImplicit",
    "detach",
)  # of one argument, which they give


def write_onnx(traced: torch.jit.ScriptModule, path: Path, inputs: Table, outputs: Table) -> None:
    """Write a traced program.

    Args:
        traced: the program.
        path: of the file.
        inputs: names, types and shapes of its inputs; sizes that are words may vary.
        outputs: likewise.

    Raises:
        ValueError: an operation that there is no translation for.
    """
    model = _translated(traced, inputs, outputs)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


@torch.no_grad()
def _translated(traced: torch.jit.ScriptModule, inputs: Table, outputs: Table) -> onnx.ModelProto:
    graph, builder = traced.inlined_graph, Builder()
    module, *entries = graph.inputs()
    values: dict[str, Any] = {module.debugName(): traced}
    for entry, name in zip(entries, inputs, strict=True):
        values[entry.debugName()] = _described(entry.type(), name)
    _walk(builder, graph.nodes(), values)
    (result,) = (values[out.debugName()] for out in graph.outputs())
    results = list(result) if isinstance(result, tuple | list) else [result]
    for value, name in zip(results, outputs, strict=True):
        builder.nodes.append(helper.make_node("Identity", [value.name], [name], name))
    nodes, constants = _needed(builder, outputs)
    described = [
        [
            helper.make_tensor_value_info(name, TYPES[getattr(torch, kind)], shape)
            for name, (kind, shape, *_) in table.items()
        ]
        for table in (inputs, outputs)
    ]
    drawn = helper.make_graph(nodes, "pointcalo", *described, initializer=constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        drawn, opset_imports=opset, ir_version=IR_VERSION, producer_name="pointcalo"
    )


def _walk(builder: Builder, nodes: Iterable[Any], values: dict[str, Any]) -> None:
    """Translate nodes of a trace and enter what they give among the values."""
    for node in nodes:
        arguments = [values[entry.debugName()] for entry in node.inputs()]
        if node.kind() == "prim::Loop":
            results = _loop(builder, node, arguments, values)
        else:
            results = _results(builder, node, arguments)
        for out, result in zip(node.outputs(), results, strict=True):
            values[out.debugName()] = result


def _loop(builder: Builder, node: Any, arguments: list[Any], values: dict[str, Any]) -> list[Any]:
    """A `while` of a compiled function, which a trace keeps as a loop."""
    limit, more, *start = arguments
    if limit != ENDLESS:
        raise ValueError("export: no translation of loops with a limit; use format=torchscript")
    start = [_value(builder, entry) for entry in (more, *start)]
    (block,) = node.blocks()
    inside = builder.inside()
    turn = Value(f"{inside.prefix}turn", torch.int64, 0)
    state = [Value(f"{inside.prefix}in{k}", x.dtype, x.rank) for k, x in enumerate(start)]
    names = (entry.debugName() for entry in block.inputs())
    known = values | dict(zip(names, (turn, *state[1:]), strict=True))
    _walk(inside, block.nodes(), known)
    ends = [inside.name(known[out.debugName()]) for out in block.outputs()]
    left = [Value(f"{inside.prefix}out{k}", x.dtype, x.rank) for k, x in enumerate(start)]
    inside.nodes += [
        helper.make_node("Identity", [end], [x.name], f"{x.name}_")
        for end, x in zip(ends, left, strict=True)
    ]
    entries, results = ([_entry(x) for x in part] for part in ((turn, *state), left))
    body = helper.make_graph(inside.nodes, f"{inside.prefix}body", entries, results)
    after = builder.loop([x.name for x in start], body)
    return [Value(name, x.dtype, x.rank) for name, x in zip(after, start[1:], strict=True)]


def _value(builder: Builder, entry: Any) -> Value:
    """A value that may change: of a number that is known now, too."""
    if isinstance(entry, Value):
        return entry
    tensor = torch.as_tensor(entry)
    return Value(builder.name(tensor), tensor.dtype, tensor.dim())


def _entry(value: Value) -> onnx.ValueInfoProto:
    """A value of any size at an end of a body."""
    return helper.make_tensor_value_info(value.name, TYPES[value.dtype], [None] * value.rank)


def _described(kind: Any, name: str) -> Value:
    """A value of the type that it had in the trace; numbers are tensors of rank 0."""
    if not isinstance(kind, torch._C.TensorType):
        return Value(name, NUMBERS[str(kind)], 0)
    return Value(name, SCALARS[kind.scalarType()], kind.dim(), kind.sizes() or ())


def _results(builder: Builder, node: Any, arguments: list[Any]) -> list[Any]:
    """What a node of a trace gives."""
    family, kind = node.kind().split("::")
    outputs = list(node.outputs())
    if family == "prim" and kind != "NumToTensor":
        return _structure(node, kind, arguments, outputs)
    if kind in SAME:
        return arguments[:1]
    if not _unknown(arguments) and kind != "rand":
        return _now(node, kind, arguments, outputs)
    in_place = kind.endswith("_") and not kind.endswith("__")
    name = kind.rstrip("_") if in_place else kind
    if name not in OPERATORS:
        raise ValueError(f"export: no translation of {node.kind()} to ONNX; use format=torchscript")
    out = _result_types(node, kind, arguments, outputs)
    single = len(out) == 1 and out[0] is not None
    try:
        results = OPERATORS[name](builder, out[0] if single else out, *arguments)
    except NotImplementedError as error:
        raise ValueError(f"export: {error}: not for ONNX; use format=torchscript") from error
    if not single:
        return _several(results, out)
    value = results if isinstance(results, Value) else _named(out[0], results)
    value.sizes = out[0].sizes
    if in_place or name in ("__ior__", "__iand__"):
        return [arguments[0].write(value.name)]
    return [value]


def _result_types(
    node: Any, kind: str, arguments: list[Any], outputs: list[Any]
) -> list[Value | None]:
    """Types of results; None: a list, whose entries get theirs when it is taken apart."""
    kinds = [output.type() for output in outputs]
    if all(isinstance(k, torch._C.TensorType) and k.scalarType() is None for k in kinds):
        # what was compiled has no types: those of the results of small tensors
        found = _now(node, kind, _small(arguments), outputs)
        return [Value("", result.dtype, result.dim()) for result in found]
    lists = torch._C.ListType | torch._C.TupleType
    return [None if isinstance(k, lists) else _described(k, "") for k in kinds]


def _small(argument: Any) -> Any:
    """Zeros, a number or a tensor of one, for each value that is known when the program runs."""
    if isinstance(argument, list | tuple):
        return [_small(entry) for entry in argument]
    if not isinstance(argument, Value):
        return argument
    return torch.zeros((1,) * argument.rank, dtype=argument.dtype) if argument.rank else 0


def _named(kind: Value, name: str) -> Value:
    return Value(name, kind.dtype, kind.rank, kind.sizes)


def _several(results: list[str], out: list[Value | None]) -> list[Any]:
    if out == [None]:
        return [list(results)]
    # results that nobody uses have no translation
    return [_named(kind, name) for kind, name in zip(out, results, strict=False)] + [None] * (
        len(out) - len(results)
    )


def _structure(node: Any, kind: str, arguments: list[Any], outputs: list[Any]) -> list[Any]:
    if kind == "Constant":
        return [outputs[0].toIValue()]
    if kind == "GetAttr":
        return [getattr(arguments[0], node.s("name"))]
    if kind in ("ListConstruct", "TupleConstruct"):
        return [arguments]
    if kind in ("ListUnpack", "TupleUnpack"):
        return [
            _named(_described(output.type(), ""), entry) if isinstance(entry, str) else entry
            for output, entry in zip(outputs, arguments[0], strict=True)
        ]
    raise ValueError(f"export: no translation of {node.kind()} to ONNX; use format=torchscript")


def _unknown(arguments: Sequence[Any]) -> bool:
    """Whether some argument is known only when the program runs."""
    return any(
        _unknown(entry) if isinstance(entry, list | tuple) else isinstance(entry, Value)
        for entry in arguments
    )


def _now(node: Any, kind: str, arguments: list[Any], outputs: list[Any]) -> list[Any]:
    """The results of an operation on what is known already."""
    known = list(zip(torch._C.parse_schema(node.schema()).arguments, arguments, strict=True))
    named = {entry.name: value for entry, value in known if entry.kwarg_only}
    plain = [value for entry, value in known if not entry.kwarg_only]
    result = getattr(torch.ops.aten, kind)(*plain, **named)
    return [result] if len(outputs) == 1 else list(result)


def _needed(builder: Builder, outputs: Iterable[str]) -> tuple[list[Any], list[Any]]:
    """Nodes and constants that the outputs come from."""
    wanted, kept = set(outputs), []
    for node in reversed(builder.nodes):
        if wanted.intersection(node.output):
            wanted.update(_taken(node))
            kept.append(node)
    constants = [tensor for name, tensor in builder.constants.items() if name in wanted]
    return kept[::-1], constants


def _taken(node: onnx.NodeProto) -> Iterator[str]:
    """What a node takes, and the nodes of its body."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _taken(inner)
