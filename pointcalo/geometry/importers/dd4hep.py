"""DD4hep compact files of the layer and slice family as geometries.

What is read: `<layer repeat=...>` of `<slice material= thickness= sensitive=>`, one after the
other from the front face, with the `<segmentation>` of the detector's readout. Detectors whose
layers a C++ driver works out need a table of cells. Format: github.com/AIDASoft/DD4hep.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.importers.dd4hep_cells import DUMP, Grid, Ring, Stave
from pointcalo.geometry.importers.dd4hep_compact import Compact, read_compact
from pointcalo.geometry.importers.dd4hep_expressions import Constants
from pointcalo.geometry.importers.dd4hep_materials import material_namer
from pointcalo.geometry.importers.xml_files import read_xml
from pointcalo.geometry.layer import DetectorLayer, Slab
from pointcalo.geometry.segmentation import FormulaSegmentation

MOST_LAYERS = 10_000
MOST_CELLS = 2e8
FAMILY = "<layer repeat=...> with <slice material=... thickness=...>"


def read_dd4hep(path: Path, detector: str | None = None) -> Geometry:
    """A calorimeter of a DD4hep compact file (root `lccdd`), with what the file includes.

    Local frame: z = 0 at the front of the first layer. In a barrel x runs across the stave and y
    along the beam, with the width of the stave growing with depth; an endcap is a ring about the
    beam. Thresholds are not in such files: they are 0.

    Args:
        path: the compact file; includes are read from its folder.
        detector: name of the calorimeter; not needed where the file has one only.

    Raises:
        ValueError: anything that is wrong or has no counterpart here, in one line.
    """
    root = read_xml(path)
    try:
        compact = read_compact(path, root)
        found = _chosen(compact, path, detector)
        return _geometry(compact, found, path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from error


def _chosen(compact: Compact, path: Path, name: str | None) -> Element:
    """The detector of that name, or the only calorimeter."""
    calorimeters = [key for key, entry in compact.detectors.items() if _is_calorimeter(entry)]
    listed = ", ".join(calorimeters) or "none"
    if name is not None:
        if name not in compact.detectors:
            raise ValueError(f"has no detector {name!r}; calorimeters: {listed}")
        if name not in calorimeters:
            raise ValueError(f"detector {name!r} has no {FAMILY}; {DUMP}")
        return compact.detectors[name]
    if not calorimeters:
        raise ValueError(f"has no calorimeter with {FAMILY}; {DUMP}")
    if len(calorimeters) > 1:
        raise ValueError(
            f"has {len(calorimeters)} calorimeters: {listed}; "
            f"choose one as in geometry={path}#{calorimeters[0]}"
        )
    return compact.detectors[calorimeters[0]]


def _is_calorimeter(entry: Element) -> bool:
    """Whether a detector has repeated layers of slices and is not declared a tracker."""
    sensitive = entry.find("sensitive")
    if sensitive is not None and sensitive.get("type") == "tracker":
        return False
    return any("repeat" in layer.attrib for layer in entry.findall("layer[slice]"))


def _geometry(compact: Compact, entry: Element, path: Path) -> Geometry:
    name, constants = entry.get("name", ""), compact.constants
    readout = compact.readouts.get(entry.get("readout", ""))
    if readout is None:
        raise ValueError(
            f"detector {name!r} has the readout {entry.get('readout')!r}, which the file does not "
            f"define; readouts: {', '.join(compact.readouts) or 'none'}"
        )
    segmentation = readout.find("segmentation")
    if segmentation is None:
        raise ValueError(f"readout {readout.get('name')!r} has no <segmentation>; {DUMP}")
    grid, extent = Grid(segmentation.attrib, constants), _extent(entry, constants)
    stack = _Stack(lambda depth, layer: grid.cells(extent, depth, layer))
    for block in entry.findall("layer"):
        stack.add(_block(block, constants, material_namer(compact)))
    if not stack.layers:
        raise ValueError(f"detector {name!r} has no slice with sensitive='yes'")
    summary = (
        f"{name} of {path.name}: {len(stack.layers)} layers, {extent}, thresholds not in the file"
    )
    behind = sum(thickness for _, thickness in stack.absorber)
    if behind > 0.0:
        summary += f", {behind:g} mm behind the last layer left out"
    return Geometry(f"{path.stem}_{name}", stack.layers, summary, compact.id_fields(readout))


def _extent(entry: Element, constants: Constants) -> Stave | Ring:
    """The outline of a barrel's stave, an endcap or a box, from `<dimensions>`."""
    found = entry.find("dimensions")
    given = {} if found is None else found.attrib
    flags = entry.find("type_flags")
    is_endcap = flags is not None and "ENDCAP" in flags.get("type", "")

    def length(*names: str) -> float | None:
        name = next((name for name in names if name in given), None)
        return None if name is None else constants.length_mm(f"dimensions {name}", given[name])

    inner, outer, z = length("rmin", "inner_r"), length("rmax", "outer_r"), length("z")
    if (is_endcap or "zmin" in given or "inner_z" in given) and outer is not None:
        return _checked(Ring(inner or 0.0, outer), (inner or 0.0) >= 0.0, outer > (inner or 0.0))
    if not is_endcap and inner is not None and z is not None and "numsides" in given:
        sides = constants.number("dimensions numsides", given["numsides"])
        growth = 2.0 * math.tan(math.pi / sides) if sides in range(3, 1000) else -1.0
        return _checked(Stave(inner * growth, z, growth), growth > 0.0, inner > 0.0, z > 0.0)
    x, y = length("x"), length("y")
    if not is_endcap and x is not None and y is not None:
        return _checked(Stave(x, y), x > 0.0, y > 0.0)
    raise ValueError(
        f"detector {entry.get('name')!r} has dimensions {', '.join(given) or 'none'}; expected "
        f"numsides, rmin, z (barrel), zmin, rmin, rmax (endcap) or x, y (box); {DUMP}"
    )


def _checked(extent: Stave | Ring, *conditions: bool) -> Stave | Ring:
    if not all(conditions):
        raise ValueError(f"dimensions give {extent}; expected numbers above 0, from small to large")
    return extent


@dataclass(frozen=True)
class _Block:
    """A `<layer>`: so many times its slices (material, thickness in mm, whether sensitive)."""

    repeat: int
    slices: list[tuple[str, float, bool]]


def _block(entry: Element, constants: Constants, material: Callable[[str], str]) -> _Block:
    repeat = constants.number("layer repeat", entry.get("repeat", "1"))
    if repeat < 0 or repeat != math.floor(repeat) or repeat > MOST_LAYERS:
        raise ValueError(
            f"layer repeat is {entry.get('repeat')!r} = {repeat:g}; "
            f"expected a whole number of at most {MOST_LAYERS}"
        )
    slices = []
    for number, part in enumerate(entry.findall("slice"), start=1):
        what = f"thickness of slice {number} ({part.get('material')})"
        if "thickness" not in part.attrib or "material" not in part.attrib:
            raise ValueError(f"slice {number} has no material or no thickness; {DUMP}")
        thickness = constants.length_mm(what, part.attrib["thickness"])
        if thickness < 0.0:
            raise ValueError(f"{what} is {thickness:g} mm; expected 0 or more")
        if thickness > 0.0:
            sensitive = part.get("sensitive", "no").lower() in ("yes", "true")
            slices.append((material(part.attrib["material"]), thickness, sensitive))
    active = {name for name, _, sensitive in slices if sensitive}
    if len(active) > 1:
        raise ValueError(
            f"a layer has the sensitive materials {', '.join(sorted(active))}, different readouts "
            f"of one place; keep one of them sensitive in a copy of the file, or {DUMP}"
        )
    return _Block(int(repeat), slices)


class _Stack:
    """Layers one behind the other: each sensitive slice is one, with all before it as absorber.

    Args:
        cells: segmentation from the depth (mm) and number (from 1) of a `<layer>`.
    """

    def __init__(self, cells: Callable[[float, int], FormulaSegmentation]) -> None:
        self.layers: list[DetectorLayer] = []
        self.absorber: list[Slab] = []  # behind the last layer
        self._cells, self._depth, self._number = cells, 0.0, 0
        self._num_cells = 0.0

    def add(self, block: _Block) -> None:
        """Put the layers of a block behind the others."""
        for _ in range(block.repeat):
            self._number += 1
            front = self._depth
            for name, thickness, sensitive in block.slices:
                self._depth += thickness
                if sensitive:
                    self._close((name, thickness), self._cells(front, self._number))
                else:
                    self.absorber.append((name, thickness))

    def _close(self, active: Slab, segmentation: FormulaSegmentation) -> None:
        self._num_cells += _estimated_cells(segmentation)
        if len(self.layers) >= MOST_LAYERS or self._num_cells > MOST_CELLS:
            raise ValueError(
                f"it has more than {MOST_LAYERS} layers or {MOST_CELLS:g} cells; {DUMP} of a part"
            )
        self.layers.append(
            DetectorLayer(
                segmentation=segmentation,
                z=round(self._depth - 0.5 * active[1], 6),
                absorber=tuple(self.absorber),
                active=active,
            )
        )
        self.absorber = []


def _estimated_cells(segmentation: FormulaSegmentation) -> float:
    """About how many cells a layer has, without making them."""
    description = segmentation.description()
    if "rows" in description:
        return sum(rings * bins for _, _, rings, bins in description["rows"])
    if "nx" in description:
        return float(description["nx"]) * float(description["ny"])
    pitch = description["pitch_mm"]
    width, height = pitch if isinstance(pitch, list) else (pitch, pitch)
    return math.pi * description["radius_mm"] ** 2 / (width * height)
