"""What `pointcalo inspect` says of a file, in words."""

import math
from collections import Counter
from itertools import groupby
from typing import Any

import h5py
import numpy as np
import torch

from pointcalo.formats.inspection import Fault, Inspection, Span
from pointcalo.formats.preparation import CENTRE_TOLERANCE
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry
from pointcalo.showers.particles import particle_name
from pointcalo.units import GeV, degree

SAID = ("layout", "geometry", "geometry_hash", "points", "source")
"""Attributes of a file that have a line of their own."""

LEAST_RESPONSE = 1e-6  # a muon in 0.3 mm of silicon leaves more of its energy
MOST_BELOW = 0.5  # share of the energy below threshold that no shower of a working unit has
MOST_SHOWN = 3  # refused showers that are named
LONGEST = 300  # characters of an attribute


def facts(file: ShowerFile, found: Inspection, geometry: Geometry | None) -> list[tuple[str, str]]:
    """Name and value of each fact, the units in it."""
    attributes, packing = _hdf5(file)
    version = next((f", version {v}" for k, v in attributes.items() if k.endswith("version")), "")
    spans = found.spans
    lines = [
        ("layout", f"{file.layout}{version}"),
        ("size", f"{_bytes(file.path.stat().st_size)}{packing}"),
        ("showers", f"{len(file)}"),
        ("points", f"{found.num_points}; {_span(spans['points'])} in a shower, {_mean(found)}"),
        ("rows", _rows(file)),
        ("particles", _particles(found.particles)),
        ("energy", f"{_span(spans['energy'], GeV)} GeV"),
        ("visible", _visible(found)),
        ("angle", f"{_span(spans['theta'], degree)} degrees to the z axis"),
        ("entry", ", ".join(f"{name} {_span(spans[name])}" for name in "xyz") + " mm"),
        *_columns(file, found),
        ("row energy", f"{_span(spans['row_energy'])} MeV"),
        *_below(found),
        ("time", f"{_span(spans['time'])} ns"),
        ("layers", _hit_layers(found)),
        ("geometry", _geometry(file, geometry)),
        ("source", file.source or "not said"),
    ]
    others = {k: v for k, v in attributes.items() if k not in SAID and not k.endswith("version")}
    return [(k, _clean(v)) for k, v in lines + [(k, _value(v)) for k, v in others.items()]]


def _columns(file: ShowerFile, found: Inspection) -> list[tuple[str, str]]:
    """Ranges of the extra columns of the incident particles."""
    return [
        (f"incident/{name}", f"{_span(found.spans[f'incident/{name}'])} {unit or '(no unit)'}")
        for name, unit in file.extra_units.items()
    ]


def _hit_layers(found: Inspection) -> str:
    """Which layers were hit, and what is in the deepest: how much leaks out behind it."""
    hit = found.layer_rows.nonzero()[:, 0].tolist()
    if not hit or not found.visible:
        return f"{_numbers(hit)} hit"
    share = 100 * float(found.layer_energy[hit[-1]]) / found.visible
    return f"{_numbers(hit)} hit; {share:.3g} % of the energy in layer {hit[-1]}"


def warnings(
    file: ShowerFile, found: Inspection, geometry: Geometry | None, refused: list[tuple[int, str]]
) -> list[str]:
    """What looks wrong, one sentence each; empty where nothing does."""
    said = [
        *_refused(file, found, refused),
        *_unit(found),
        *_faults(found),
        *_layers(found),
        *_unknown(file, geometry),
    ]
    return [_clean(text) for text in said]


def _refused(file: ShowerFile, found: Inspection, refused: list[tuple[int, str]]) -> list[str]:
    if not refused:
        return []
    seen = found.num_showers + len(refused)
    text = f"{len(refused)} of {seen} showers cannot be read: "
    text += "; ".join(_named(number, reason) for number, reason in refused[:MOST_SHOWN])
    if len(refused) > MOST_SHOWN:
        text += f"; and {len(refused) - MOST_SHOWN} more"
    if seen < len(file):
        text += f"; given up at shower {refused[-1][0]}, the rest was not looked at"
    return [text]


def _named(number: int, reason: str) -> str:
    return reason if reason.startswith("shower ") else f"shower {number}: {reason}"


def _unit(found: Inspection) -> list[str]:
    """Energies that look like another unit."""
    response = found.visible / found.incident
    hint = "is the unit of the points, or that of the incident particles, another one?"
    if response > 1:
        return [f"the visible energy is {response:.3g} times the incident energy; {hint}"]
    if 0 < response < LEAST_RESPONSE:
        return [f"the visible energy is only {response:.2g} of the incident energy; {hint}"]
    below = found.faults["below"].energy
    if "below" in found.faults and below > MOST_BELOW * found.visible:
        share = _percent(below / found.visible)
        return [f"{share} of the energy lies in cells below threshold; {hint}"]
    return []


def _faults(found: Inspection) -> list[str]:
    spans = found.spans
    told = {
        "outside": f"{_share('outside', found)} outside every cell of the geometry",
        "repeated": f"{_share('repeated', found)} repeat a cell that the shower has already",
        "off_centre": f"{_share('off_centre', found)} lie more than {CENTRE_TOLERANCE} mm from the "
        f"centre of their cell, up to {spans['away'].high:.3g} mm",
        "no_energy": f"{_share('no_energy', found)} without energy",
        "empty": "{} without energy",
        "above_incident": "{} with more visible than incident energy, up to "
        f"{spans['response'].high:.3g} times as much",
        "no_layer_ahead": "{} of a particle that flies away from every layer, or along them",
    }
    return [
        text.format(_showers(found.faults[name])) + _first(found.faults[name])
        for name, text in told.items()
        if found.faults[name].showers
    ]


def _share(name: str, found: Inspection) -> str:
    fault = found.faults[name]
    rows = f"{fault.rows} {'row' if fault.rows == 1 else 'rows'}"
    text = f"{rows} ({_percent(fault.rows / max(1, found.num_points))}"
    if fault.energy > 0:
        text += f", {_percent(fault.energy / found.visible)} of the energy"
    return f"{text})"


def _showers(fault: Fault) -> str:
    return f"{fault.showers} {'shower' if fault.showers == 1 else 'showers'}"


def _first(fault: Fault) -> str:
    if fault.rows:
        where = "all" if fault.showers == 1 else f"in {fault.showers} showers, the first"
        return f"; {where} in shower {fault.first}"
    return f"; shower {fault.first}" if fault.showers == 1 else f"; the first is {fault.first}"


def _layers(found: Inspection) -> list[str]:
    empty = found.layer_rows == 0
    reached = found.layers_ahead
    empty[: len(reached)] &= reached  # the other side of a detector is no fault
    missed = empty.nonzero()[:, 0].tolist()
    if not missed or found.num_points == 0:
        return []
    return [f"no row in layer {_numbers(missed)} of 0-{len(found.layer_rows) - 1}"]


def _unknown(file: ShowerFile, geometry: Geometry | None) -> list[str]:
    if geometry is None:
        name = file.geometry_name
        what = f"this geometry {name!r} is not known here" if name else "it names no geometry"
        return [f"{what}: the cells were not checked; pass geometry=NAME or geometry=PATH"]
    try:
        file.check_geometry(geometry)
    except ValueError as error:
        return [str(error).removeprefix(f"{file.path}: ")]
    return []


def _geometry(file: ShowerFile, geometry: Geometry | None) -> str:
    text = file.geometry_name or "not named"
    if file.geometry_hash:
        text += f", hash {file.geometry_hash}"
    elif file.geometry_name:
        text += ", no hash"
    if geometry is None:
        return text
    same = "the one" if file.geometry_hash == geometry.hash else "compared with the one"
    name = "" if geometry.name == file.geometry_name else f" {geometry.name!r}"
    return (
        f"{text}; {same}{name} known here ({geometry.num_layers} layers, {geometry.num_cells} "
        "cells)"
    )


def _rows(file: ShowerFile) -> str:
    if file.points == "cells":
        return "cells: one row a cell, at its centre"
    return "deposits: rows anywhere, merged to cells where they are used"


def _particles(found: Counter[int]) -> str:
    return ", ".join(f"{number} {particle_name(pdg)}" for pdg, number in found.most_common())


def _mean(found: Inspection) -> str:
    return f"mean {_number(found.num_points / found.num_showers)}"


def _visible(found: Inspection) -> str:
    span = found.spans["response"]
    mean = _percent(found.visible / found.incident)
    return f"{mean} of the incident energy; {_span(span, 0.01)} % of a shower's"


def _below(found: Inspection) -> list[tuple[str, str]]:
    """What lies below threshold, which is no fault: files keep all rows."""
    if "below" not in found.faults:
        return []
    below = found.faults["below"]
    rows = _percent(below.rows / max(1, found.num_points))
    energy = _percent(below.energy / found.visible if found.visible else 0.0)
    return [("threshold", f"{rows} of the rows are below it, {energy} of the energy")]


def _span(span: Span, unit: float = 1.0) -> str:
    """Smallest and largest number, in a unit."""
    if math.isinf(span.low):
        return "none"
    low, high = _number(span.low / unit), _number(span.high / unit)
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    """Four digits, more of a large number rather than a power of ten."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _numbers(numbers: list[int]) -> str:
    """Rising numbers, neighbours as ranges: "0-3, 7"."""
    if not numbers:
        return "none"
    runs = [list(run) for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    ends = [(run[0][1], run[-1][1]) for run in runs]
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ends)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _hdf5(file: ShowerFile) -> tuple[dict[str, Any], str]:
    """Attributes and compression of an HDF5 file; nothing of another one."""
    if not h5py.is_hdf5(file.path):
        return {}, ""
    filters: set[str] = set()
    sizes = [0, 0]

    def note(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            filters.add(item.compression or "")
            if not item.dtype.hasobject:  # of rows of any length HDF5 does not say the size
                sizes[0] += item.id.get_storage_size()
                sizes[1] += item.nbytes

    with h5py.File(file.path) as opened:
        opened.visititems(note)
        attributes = dict(opened.attrs)
    named = ", ".join(sorted(filters - {""}))
    if not named:
        return attributes, ", not compressed"
    return attributes, f", {named} to {_percent(sizes[0] / max(1, sizes[1]))}"


def _value(value: Any) -> str:
    """An attribute of a file as a short text."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size > 1:
        numbers = torch.from_numpy(value.astype(np.float64))
        span = Span()
        span.add(numbers)
        return f"{value.size} numbers, {_span(span)}"
    text = str(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _clean(text: str) -> str:
    """Text of a file without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
