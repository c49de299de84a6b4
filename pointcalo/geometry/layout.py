"""What a detector description holds, and what the user supplies where it holds less."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.layer import DetectorLayer, Stack
from pointcalo.geometry.segmentation import Segmentation, number

UNKNOWN: Stack = ((), None, 1)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Cells of L layers, with as much of the rest as a file holds; None stands for nothing.

    Args:
        name: of the detector.
        summary: one line on what it is.
        kind: what was read, in words.
        segmentations: [L] cells.
        z_mm: [L] middle of the active material.
        stacks: [L] materials.
        threshold: [L] smallest energy of a hit in MeV.
        whole: the geometry, where that is what was read; it keeps what layers do not hold.
    """

    name: str
    summary: str
    kind: str
    segmentations: tuple[Segmentation, ...]
    z_mm: tuple[float, ...] | None = None
    stacks: tuple[Stack, ...] | None = None
    threshold: tuple[float, ...] | None = None
    whole: Geometry | None = None

    @classmethod
    def of(cls, geometry: Geometry, kind: str) -> "Layout":
        """The layout of a geometry, which holds everything (or says that materials are not)."""
        layers = geometry.layers
        return cls(
            name=geometry.name,
            summary=geometry.summary,
            kind=kind,
            segmentations=tuple(layer.segmentation for layer in layers),
            z_mm=tuple(layer.z for layer in layers),
            stacks=tuple(layer.stack for layer in layers),
            threshold=tuple(layer.threshold for layer in layers),
            whole=geometry,
        )

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self.segmentations)

    @property
    def missing(self) -> list[str]:
        """What the file does not hold: of depth, materials and threshold."""
        no_materials = self.stacks is None or any(stack[1] is None for stack in self.stacks)
        lacks = {
            "depth": self.z_mm is None,
            "materials": no_materials,
            "threshold": self.threshold is None,
        }
        return [name for name, absent in lacks.items() if absent]


@dataclass(frozen=True, kw_only=True)
class Supplement:
    """What the user says of the layers; it counts more than what a file holds.

    Args:
        layer_z_mm: [L] middle of the active material; one number: so far from layer to layer, the
            first at half of it.
        stack: name or file of a geometry with L layers, whose materials are taken, and depth and
            threshold where nothing else gives them; or slabs [[material, mm], ...] of every layer,
            the last of them active, one layer behind the other from z = 0.
        threshold: smallest energy of a hit in MeV, one number or [L].
    """

    layer_z_mm: float | Sequence[float] | None = None
    stack: str | Path | Sequence[Sequence[str | float]] | None = None
    threshold: float | Sequence[float] | None = None

    def complete(self, layout: Layout) -> Geometry:
        """The geometry of a layout and of what is said here.

        A threshold that nothing gives is 0 MeV; materials that nothing gives stay unknown.

        Raises:
            ValueError: no depth, or numbers that do not fit.
        """
        L = layout.num_layers
        of_stack = None if self.stack is None else _stack_layers(self.stack, layout)
        z = self._depth(L) or layout.z_mm or (of_stack and [layer.z for layer in of_stack])
        if not z:
            raise ValueError(
                f"holds no depth ({layout.kind}, {L} layers); give layer_z_mm=[...] with "
                f"{L} numbers, layer_z_mm=PITCH, or stack=NAME of a geometry with {L} layers"
            )
        threshold = _numbers("threshold_MeV", self.threshold, L) or layout.threshold
        threshold = threshold or (
            [layer.threshold for layer in of_stack] if of_stack else [0.0] * L
        )
        stacks = layout.stacks or (UNKNOWN,) * L
        if of_stack:
            stacks = tuple(layer.stack for layer in of_stack)
        layers = [
            DetectorLayer(
                segmentation=layout.segmentations[n],
                z=z[n],
                absorber=stacks[n][0],
                active=stacks[n][1],
                gaps=stacks[n][2],
                threshold=threshold[n],
            )
            for n in range(L)
        ]
        if layout.whole is not None:
            return replace(layout.whole, layers=layers)
        return Geometry(layout.name, layers, layout.summary)

    def _depth(self, L: int) -> list[float] | None:
        if self.layer_z_mm is None or isinstance(self.layer_z_mm, Sequence):
            return _numbers("layer_z_mm", self.layer_z_mm, L)
        pitch = number("layer_z_mm", self.layer_z_mm, positive=True)
        return [round((n + 0.5) * pitch, 6) for n in range(L)]


def _numbers(name: str, value: float | Sequence[float] | None, L: int) -> list[float] | None:
    """`value` as [L]; one number counts for every layer."""
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        return [number(name, value)] * L
    if len(value) != L:
        raise ValueError(f"{name} has {len(value)} numbers; the detector has {L} layers")
    return [number(name, entry) for entry in value]


def _stack_layers(stack: str | Path | Sequence, layout: Layout) -> Sequence[DetectorLayer]:
    """Layers [L] with materials, depth and threshold; their cells mean nothing."""
    if not isinstance(stack, str | Path):
        return _equal_layers(stack, layout)
    layers = Geometry.load(stack).layers
    if len(layers) != layout.num_layers:
        raise ValueError(
            f"stack={stack} has {len(layers)} layers, {layout.name} has {layout.num_layers}; "
            "expected as many"
        )
    if any(layer.active is None for layer in layers):
        raise ValueError(f"stack={stack} has layers without materials; expected materials in all")
    return layers


def _equal_layers(slabs: Sequence, layout: Layout) -> list[DetectorLayer]:
    if (
        not isinstance(slabs, list | tuple)
        or not slabs
        or not all(isinstance(slab, list | tuple) for slab in slabs)
    ):
        raise ValueError(
            f"stack={slabs!r:.60}; expected a geometry or slabs such as [[W,2.1],[Si,0.5]], the "
            "last of them active"
        )
    made = {"absorber": tuple(slabs[:-1]), "active": slabs[-1]}
    first = DetectorLayer(segmentation=layout.segmentations[0], z=0.0, **made)
    behind = first.thickness_mm - first.behind_middle_mm
    depth = [round(n * first.thickness_mm + behind, 6) for n in range(layout.num_layers)]
    return [
        DetectorLayer(segmentation=cells, z=z, **made)
        for cells, z in zip(layout.segmentations, depth, strict=True)
    ]
