"""Geometry files: YAML to layers and back.

The format is documented key by key in docs/geometries.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from pointcalo.atomic import written_beside
from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.layer import DetectorLayer
from pointcalo.geometry.placement import Placement
from pointcalo.geometry.segmentation import number, plain, whole
from pointcalo.geometry.segmentation_files import SegmentationReader, TableWriter, check_keys
from pointcalo.resources import folder

FILE_KEYS = (*("name", "summary", "readout", "placement", "face_mm", "mirror", "layers", "behind"),)
LAYER_KEYS = (
    "repeat",
    "absorber",
    "active",
    "gaps",
    "threshold_MeV",
    "z_mm",
    "segmentation",
)
MOST_LAYERS = 10_000
MOST_VALUES = 5_000_000
"""Values of a file, each counted as often as aliases repeat it."""


class DistinctKeys(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would take the last."""

    def compose_mapping_node(self, anchor: dict[str, yaml.Node]) -> yaml.MappingNode:
        """As YAML's own.

        Raises:
            ValueError: two equal keys.
        """
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode) and key.value != "<<":
                raise ValueError(f"line {key.start_mark.line + 1} gives {key.value!r} again")
            seen.add(str(key.value))
        return node


def read_yaml(path: Path) -> Geometry:
    """The geometry of a YAML file.

    Raises:
        ValueError: anything wrong in the file, in one line that names the file and the layer.
    """
    content = parse_yaml(path)
    try:
        return geometry_from(content, path.parent)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from error


def built_in(name: str) -> Geometry:
    """A geometry that comes with the package, whatever else has its name."""
    return read_yaml(folder("geometries") / f"{name}.yaml")


def parse_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ValueError: no YAML, or one whose references to itself stand for too many values.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), DistinctKeys)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a YAML file: {reason}") from error
    waiting, count = [content], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > MOST_VALUES:
            raise ValueError(f"{path}: stands for more than {MOST_VALUES} values (aliases?)")
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return content


def geometry_from(content: Any, place: Path) -> Geometry:
    """The geometry of a parsed file; `place` is where tables of cells are looked for.

    Raises:
        ValueError: missing or unknown keys, values out of range.
    """
    check_keys(content, FILE_KEYS, ("name", "layers"))
    if not isinstance(content["layers"], list):
        raise ValueError("layers is not a list; expected one entry per layer or block of layers")
    face = number("face_mm", content.get("face_mm", 0.0))
    layers: list[DetectorLayer] = []
    reader = SegmentationReader(place)
    for block in content["layers"]:
        first = len(layers)
        for step, values in enumerate(_repeated(block, first)):
            end = face if not layers else layers[-1].z + layers[-1].behind_middle_mm
            try:
                layers.append(_layer_from(values, end, reader, first + step))
            except ValueError as error:
                raise ValueError(f"layer {first + step}: {error}") from error
    if content.get("mirror", False):
        layers += [replace(layer, z=-layer.z) for layer in layers]
    summary, readout = (" ".join(str(content.get(k, "")).split()) for k in ("summary", "readout"))
    placement = Placement.read(content["placement"]) if "placement" in content else None
    behind = tuple(content.get("behind") or ())
    return Geometry(str(content["name"]), layers, summary, readout, placement, behind)


def save_geometry(geometry: Geometry, path: Path) -> None:
    """See `Geometry.save`; tables of cells go into one .npz beside the YAML."""
    tables = TableWriter(path)
    content = {
        "name": geometry.name,
        "summary": geometry.summary,
        **({"readout": geometry.readout} if geometry.readout else {}),
        **({"placement": geometry.placement.plain()} if geometry.placement else {}),
        "layers": list(_blocks_of(geometry, tables)),
        **({"behind": plain(geometry.behind)} if geometry.behind else {}),
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
    tables.write()
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _repeated(block: Any, first: int) -> Iterator[dict[str, Any]]:
    """The entries of `repeat` equal layers; a value `each: [...]` gives one to each of them."""
    try:
        check_keys(block, LAYER_KEYS, ("segmentation",))
        if "active" not in block and "z_mm" not in block:
            raise ValueError("missing key 'active' (or z_mm, for a layer of unknown materials)")
        times = whole("repeat", block.get("repeat", 1))
        if times > MOST_LAYERS:
            raise ValueError(f"repeat is {times}; expected at most {MOST_LAYERS}")
        rest = {key: value for key, value in block.items() if key != "repeat"}
        yield from (_pick(rest, step, times) for step in range(times))
    except ValueError as error:
        raise ValueError(f"layer {first}: {error}") from error


def _pick(value: Any, step: int, times: int) -> Any:
    """`value` with every `each: [...]` replaced by its entry number `step`."""
    if isinstance(value, Mapping):
        if set(value) != {"each"}:
            return {key: _pick(entry, step, times) for key, entry in value.items()}
        if not isinstance(value["each"], list):
            raise ValueError(f"each has {value['each']!r:.40}; expected a list of {times} values")
        if len(value["each"]) != times:
            raise ValueError(f"each has {len(value['each'])} values; expected repeat = {times}")
        return value["each"][step]
    return [_pick(entry, step, times) for entry in value] if isinstance(value, list) else value


def _layer_from(
    values: dict[str, Any], end: float, reader: SegmentationReader, index: int
) -> DetectorLayer:
    """One layer; without z_mm it follows directly behind `end`."""
    absorber = values.get("absorber") or []
    if not isinstance(absorber, list):
        raise ValueError(f"absorber is {absorber!r}; expected [[material, thickness in mm], ...]")
    layer = DetectorLayer(
        segmentation=reader.read(values["segmentation"], index),
        z=values.get("z_mm", 0.0),
        absorber=tuple(absorber),
        active=values.get("active"),
        threshold=values.get("threshold_MeV", 0.0),
        gaps=values.get("gaps", 1),
    )
    if "z_mm" in values:
        return layer
    middle = end + layer.thickness_mm - layer.behind_middle_mm
    return replace(layer, z=round(middle, 6))


def _blocks_of(geometry: Geometry, tables: TableWriter) -> Iterator[dict[str, Any]]:
    """Entries of a file; neighbouring layers that differ in z only are one block."""

    def same(layer: DetectorLayer) -> tuple[Any, ...]:
        return (layer.segmentation, *layer.stack, layer.threshold)

    for (segmentation, absorber, active, gaps, threshold), group in groupby(geometry.layers, same):
        z = [layer.z for layer in group]
        block = {"repeat": len(z), "z_mm": {"each": z}} if len(z) > 1 else {"z_mm": z[0]}
        if active is not None:
            block |= {"absorber": plain(absorber), "active": plain(active), "gaps": gaps}
        yield block | {"threshold_MeV": threshold, "segmentation": tables.entry(segmentation)}
