"""One detector layer: how it is cut into cells and what it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointcalo.geometry.materials import Material, material
from pointcalo.geometry.segmentation import Segmentation, number, whole

Slab = tuple[str, float]
Stack = tuple[tuple[Slab, ...], Slab | None, int]
"""Absorber, active material and number of gaps of a layer, as in `DetectorLayer`."""


@dataclass(frozen=True, kw_only=True)
class DetectorLayer:
    """A frozen detector layer in the local frame.

    Args:
        segmentation: the cells.
        z: mm, middle of the layer's active material (of all its gaps).
        absorber: (material, thickness in mm) of everything between the previous active material
            and this one.
        active: (material, thickness in mm) of the active material; None, with no absorber, where
            the materials are not known: such a layer has no thickness and cannot be simulated.
        threshold: MeV, a cell below is not read out.
        gaps: absorber and active material follow one another this many times and are read out as
            one; thicknesses are those of one time.

    Raises:
        ValueError: unknown material, negative thickness or threshold, an absorber alone.

    >>> from pointcalo.geometry import Geometry
    >>> layer = Geometry.load("ild").layers[0]
    >>> round(layer.radiation_lengths, 2)
    0.6
    """

    segmentation: Segmentation
    z: float
    absorber: tuple[Slab, ...] = ()
    active: Slab | None = None
    threshold: float = 0.0
    gaps: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "z", number("z_mm", self.z))
        object.__setattr__(self, "absorber", tuple(slab("absorber", s) for s in self.absorber))
        if self.active is not None:
            object.__setattr__(self, "active", slab("active", self.active))
        elif self.absorber:
            raise ValueError("absorber without active; expected both, or neither where unknown")
        object.__setattr__(self, "threshold", number("threshold_MeV", self.threshold))
        whole("gaps", self.gaps)
        if self.threshold < 0.0:
            raise ValueError(f"threshold_MeV is {self.threshold}; expected 0 or more")
        if self.active is not None and self.active[1] == 0.0:
            raise ValueError("active has the thickness 0; expected a number above 0")

    @property
    def stack(self) -> Stack:
        """Absorber, active material and number of gaps."""
        return self.absorber, self.active, self.gaps

    @property
    def thickness_mm(self) -> float:
        """Thickness of absorber and active material in mm."""
        return self.gaps * (sum(t for _, t in self.absorber) + self.active_mm)

    @property
    def active_mm(self) -> float:
        """Thickness of the active material of one gap in mm; 0 where it is not known."""
        return 0.0 if self.active is None else self.active[1]

    @property
    def behind_middle_mm(self) -> float:
        """From z to the end of the layer in mm: half the active material, or half of all gaps."""
        return 0.5 * (self.active_mm if self.gaps == 1 else self.thickness_mm)

    @property
    def radiation_lengths(self) -> float:
        """Thickness of absorber and active material in X0."""
        return self.gaps * sum(t / m.radiation_length_mm for m, t in self._slabs())

    @property
    def interaction_lengths(self) -> float:
        """Thickness of absorber and active material in nuclear interaction lengths."""
        return self.gaps * sum(t / m.interaction_length_mm for m, t in self._slabs())

    @property
    def moliere_radius_mm(self) -> float:
        """Moliere radius of the layer's mixture in mm: 1/R = sum(v / R_m), v by volume."""
        inverse = sum(t / m.moliere_radius_mm for m, t in self._slabs())
        return sum(t for _, t in self._slabs()) / inverse

    @property
    def critical_energy_MeV(self) -> float:
        """Critical energy of the layer's mixture: X0 weighted mean over the materials."""
        lengths = [(m, t / m.radiation_length_mm) for m, t in self._slabs()]
        return sum(m.critical_energy_MeV * x for m, x in lengths) / sum(x for _, x in lengths)

    @property
    def mip_MeV(self) -> float:
        """Most probable loss of a minimum-ionising particle in the active material, in MeV."""
        name, thickness = self._known_active()
        return material(name).most_probable_loss(self.gaps * thickness)

    @property
    def mip_mean_MeV(self) -> float:
        """Mean loss of a minimum-ionising particle in the active material, in MeV."""
        name, thickness = self._known_active()
        return self.gaps * thickness * material(name).minimum_loss_per_mm

    @property
    def sampling_fraction_mip(self) -> float:
        """Share of a minimum-ionising particle's mean loss that is in the active material."""
        everything = self.gaps * sum(t * m.minimum_loss_per_mm for m, t in self._slabs())
        return self.mip_mean_MeV / everything

    def _slabs(self) -> list[tuple[Material, float]]:
        active = self._known_active()
        return [(material(name), thickness) for name, thickness in (*self.absorber, active)]

    def _known_active(self) -> Slab:
        if self.active is None:
            raise ValueError(
                f"the layer at z = {self.z:g} mm has no materials; give absorber and active in a "
                "geometry file"
            )
        return self.active


def slab(key: str, value: Sequence[str | float]) -> Slab:
    """A checked (material, thickness in mm); `key` names it in the error."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[0], str):
        raise ValueError(f"{key} has {value!r}; expected [material, thickness in mm]")
    thickness = number(f"thickness of {value[0]}", value[1])
    if thickness < 0.0:
        raise ValueError(f"{key} has {thickness} mm of {value[0]}; expected 0 or more")
    material(value[0])
    return value[0], thickness
