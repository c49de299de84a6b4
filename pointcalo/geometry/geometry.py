"""The geometry: detector layers, hence cells, in a local frame."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pointcalo.geometry.composite import parts_of
from pointcalo.geometry.layer import DetectorLayer, Slab, slab
from pointcalo.geometry.parts import Parts, build_parts
from pointcalo.geometry.placement import Placement
from pointcalo.geometry.region import Region, build_region

if TYPE_CHECKING:
    from pointcalo.geometry.extension import Edges
    from pointcalo.geometry.symmetries import Symmetries

# Points per chunk of cell_at: the temporaries stay in the processor's cache.
CHUNK = 1 << 15
MOST_TABULATED = 4_000_000  # cells whose colours are kept

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False, repr=False)
class Geometry:
    """A frozen detector: layers of cells, numbered layer by layer.

    Cells are int64, 0..num_cells-1; -1 is no cell. Positions are in mm in the local frame, whose
    z axis is normal to the layers. Shapes: N cells, P points, L layers, E edges, D neighbours.

    Args:
        name: name of the detector.
        layers: the layers in the order of their numbers.
        summary: one line on what it is.
        readout: DD4hep's description of the fields of a cellID ("system:5,layer:9,x:32:-16,..."),
            where known; not part of the hash.
        placement: where the detector stands in its experiment, where known; not part of the hash.
        behind: (material, thickness in mm) of what follows the last layer, from which particles
            come back into it; not part of the hash.
        device: where the tables lie (see `to`).

    Raises:
        ValueError: no layers, or layers that overlap in z.

    >>> geometry = Geometry.load("toy")
    >>> cell = geometry.cell_at(torch.tensor([3]), torch.tensor([[0.1, 0.2]]))
    >>> geometry.layer_of(cell), geometry.position(cell)[:, :2]
    (tensor([3]), tensor([[0., 0.]]))
    """

    name: str
    layers: Sequence[DetectorLayer]
    summary: str = ""
    readout: str = ""
    placement: Placement | None = None
    behind: Sequence[Slab] = ()
    device: torch.device = CPU

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError(f"geometry {self.name!r} has no layers; expected at least one")
        check_order(self.layers)
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "behind", tuple(slab("behind", entry) for entry in self.behind))

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        *,
        layer_z_mm: float | Sequence[float] | None = None,
        stack: str | Path | Sequence[Sequence[str | float]] | None = None,
        threshold_MeV: float | Sequence[float] | None = None,
        length_unit: str | None = None,
    ) -> "Geometry":
        """The geometry of that name or file, of any layout that docs/geometries.md lists.

        Args:
            name_or_path: a file, or a name that `pointcalo geometry list` knows.
            layer_z_mm: [L] middle of each layer's active material; one number: equal distances.
            stack: materials: a geometry with as many layers, or slabs [[material, mm], ...] of
                each layer, the last of them active.
            threshold_MeV: smallest energy of a hit, one number or [L].
            length_unit: mm, cm or m, of a table of cells that does not record it.

        Raises:
            ValueError: unknown name, a mistake in the file, or something that it does not hold.
        """
        from pointcalo.geometry.layout import Supplement
        from pointcalo.geometry.loading import load_geometry

        given = Supplement(layer_z_mm=layer_z_mm, stack=stack, threshold=threshold_MeV)
        return load_geometry(name_or_path, given, length_unit)

    def save(self, path: str | Path) -> None:
        """Write the YAML so that loading it gives the same hash; appears whole or not at all."""
        from pointcalo.geometry.files import save_geometry

        save_geometry(self, Path(path))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Geometry":
        return self  # frozen: a copy of a model shares its tables

    def __repr__(self) -> str:
        return f"Geometry({self.name!r}, {self.num_layers} layers, {self.num_cells} cells)"

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self.layers)

    @property
    def num_cells(self) -> int:
        """Number of cells of all layers."""
        return self._parts.num_cells

    @cached_property
    def hash(self) -> str:
        """16 hex digits of the SHA-256 of the layers' canonical description (not of the name)."""
        text = json.dumps([_canonical(layer) for layer in self.layers], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def layer_z(self) -> Tensor:
        """Middle of the active material [L] in mm, float32."""
        return torch.tensor([layer.z for layer in self.layers], device=self.device)

    @cached_property
    def layer_threshold(self) -> Tensor:
        """Thresholds [L] in MeV, float32."""
        return torch.tensor([layer.threshold for layer in self.layers], device=self.device)

    @property
    def layer_start(self) -> Tensor:
        """First cell of each layer and, last, the number of cells: [L+1] int64."""
        return self._parts.layer_start

    @property
    def num_colours(self) -> int:
        """Number of colours of `colour`."""
        return int(self.layer_colours.max())

    @property
    def layer_colours(self) -> Tensor:
        """Number of colours in each layer, [L] int64: at most `num_colours`."""
        return self._parts.layer_colours

    def position(self, cell: Tensor) -> Tensor:
        """Centres [N, 3] in mm, float32."""
        xy = self._parts.position(cell).float()
        return torch.cat((xy, self.layer_z[self.layer_of(cell)][:, None]), dim=1)

    def mean_position(self, cell: Tensor) -> Tensor:
        """Mean positions [N, 3] over the cells in mm: (0, 0, z) for a full ring."""
        xy = self._parts.mean_position(cell).float()
        return torch.cat((xy, self.layer_z[self.layer_of(cell)][:, None]), dim=1)

    def layer_of(self, cell: Tensor) -> Tensor:
        """Layer [N] of cells [N], int64."""
        return torch.bucketize(cell, self.layer_start[1:], right=True)

    def area(self, cell: Tensor) -> Tensor:
        """Areas [N] of cells in mm2, float32."""
        return self._parts.area(cell).float()

    def cell_at(self, layer: Tensor, xy: Tensor) -> Tensor:
        """Cells [P] under points [P, 2] (mm) of layers [P]; -1 where there is none.

        The exact inverse of `position`; a point on a border goes to the lower index.
        """
        xy = xy.float()
        if len(xy) <= CHUNK or xy.device.type != "cpu":
            return self._parts.cell_at(layer, xy)
        cell = torch.empty(len(xy), dtype=torch.int64)
        for start in range(0, len(xy), CHUNK):
            rows = slice(start, start + CHUNK)
            cell[rows] = self._parts.cell_at(layer[rows], xy[rows])
        return cell

    def nearest(self, layer: Tensor, xy: Tensor, k: int) -> Tensor:
        """The k cells [P, k] of each point's layer with the nearest centres, nearest first.

        -1 where the layer has fewer. Lattices answer on the device; points near their edge, rings
        and tables of cells go through a KD-tree on the CPU.
        """
        return self._parts.nearest(layer, xy.float(), k)

    def neighbour_table(self, cell: Tensor) -> Tensor:
        """Touching cells [N, D] of the same layer, -1 padded; D is one for the geometry."""
        return self._parts.neighbours(cell)

    def second_neighbour_table(self, cell: Tensor, first: Tensor | None = None) -> Tensor:
        """The second ring of neighbours [N, K], -1 padded; K is one for the geometry.

        Neighbours of neighbours that are not neighbours; on a lattice across a gap, too.

        Args:
            cell: [N].
            first: their `neighbour_table`, where that is known.
        """
        first = self.neighbour_table(cell) if first is None else first
        return self._parts.second_neighbours(cell, first)

    def neighbours(self, cell: Tensor | None = None) -> Tensor:
        """Edges [2, E] from `cell` (None: every cell) to each of its neighbours, both ways."""
        if cell is None:
            cell = torch.arange(self.num_cells, device=self.device)
        table = self.neighbour_table(cell)
        row, column = (table >= 0).nonzero(as_tuple=True)
        return torch.stack((cell[row], table[row, column]))

    def colour(self, cell: Tensor) -> Tensor:
        """Colours [N] in 0..num_colours-1; no two neighbours share one.

        On hexagons and rectangles and in tables no two neighbours of one cell do either.
        """
        if self.num_cells > MOST_TABULATED:
            return self._parts.colour(cell)
        return self._colours[cell].long()

    def lattice_tables(self) -> dict[str, Tensor | float] | None:
        """What look-ups of cells need in a program in another language, by name.

        None where layers are no lattices, have several parts, or cells of several proportions.
        """
        return self._parts.lattice_tables()

    def near_sites(self, k: int) -> Tensor:
        """Steps [2 M] (i, j, i, j, ...) to the sites that may be among the k nearest to a point.

        From the site that holds the point, in a geometry with `lattice_tables`.
        """
        return self._parts.kinds[0].near_sites(k).flatten()

    def region(self, position: Tensor, direction: Tensor, radius_mm: float) -> Region:
        """The cells whose centre is within a radius of an axis, as a geometry of its own.

        Layers behind the start of the axis (the other endcap) are left out; a layer of which no
        cell is near keeps its number and has none.

        Args:
            position: [3] mm, a point of the axis.
            direction: [3], along the axis, away from the incident particle's origin.
            radius_mm: largest distance from the axis within a layer.

        Raises:
            ValueError: a direction within the layers' plane, or no layer ahead.
        """
        return build_region(self, position.tolist(), direction.tolist(), float(radius_mm))

    def extended(self, margin_mm: float) -> Region:
        """This geometry with cells beyond its edges, in its holes and in place of dead cells.

        Args:
            margin_mm: the added cells reach at least so far, and by one cell.

        Returns:
            The same layers with more cells; the parent of an added one is -1.
        """
        from pointcalo.geometry.extension import extended

        return extended(self, margin_mm)

    def edge_distance(self, layer: Tensor, xy: Tensor, at_most: float = inf) -> Tensor:
        """Distances [P] in mm from points [P, 2] of layers [P] to where no cell is, float32.

        To the border of the nearest cell that continues the layer, taken as a disc; 0 outside every
        cell, infinite in a layer without cells and, where this saves time, above `at_most` mm.
        """
        return self._edges.distance(layer, xy, at_most)

    @cached_property
    def symmetries(self) -> "Symmetries":
        """The rotations and mirrors that map all cells onto cells; at least the identity."""
        from pointcalo.geometry.symmetries import Symmetries

        return Symmetries(self)

    def to(self, device: torch.device | str) -> "Geometry":
        """The same geometry with its tables on a device."""
        moved = replace(self, device=torch.empty(0, device=device).device)
        vars(moved)["_parts"] = self._parts.to(moved.device)
        return moved

    @cached_property
    def _colours(self) -> Tensor:
        """Of all cells, int16: a look into a table is quicker than where the cell lies."""
        parts = torch.arange(self.num_cells, device=self.device).split(CHUNK)
        return torch.cat([self._parts.colour(part).to(torch.int16) for part in parts])

    @cached_property
    def _edges(self) -> "Edges":
        from pointcalo.geometry.extension import Edges

        return Edges(self)

    @cached_property
    def _parts(self) -> Parts:
        parts = build_parts([parts_of(layer.segmentation) for layer in self.layers])
        return parts.to(self.device)


def check_order(layers: Sequence[DetectorLayer]) -> None:
    """Layers follow one another outwards on each side of z = 0 without overlap.

    Raises:
        ValueError: overlapping layers, or two in one place.
    """
    reached = {1: -float("inf"), -1: -float("inf")}
    for number, layer in enumerate(layers):
        side = 1 if layer.z >= 0.0 else -1
        front = abs(layer.z) + layer.behind_middle_mm - layer.thickness_mm
        # Positions in files are rounded.
        if front < reached[side] - 1e-3:
            raise ValueError(
                f"layer {number} overlaps the one before in z: it begins at {front:g} mm,"
                f" the other ends at {reached[side]:g} mm"
            )
        if number and layer.active is None and layer.z == layers[number - 1].z:
            raise ValueError(f"layer {number} lies where the one before does, z = {layer.z:g} mm")
        reached[side] = front + layer.thickness_mm


def _canonical(layer: DetectorLayer) -> list:
    return [
        layer.segmentation.description(),
        layer.z,
        layer.absorber,
        layer.active,
        layer.threshold,
        layer.gaps,
    ]
