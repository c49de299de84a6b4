"""Features and separation powers of the CaloChallenge, as its own evaluation defines them.

Features of a shower, from the voxels of the file without any cut:

- response: sum of the voxels over the incident energy;
- energy of each layer, MeV, binned in 39 equal steps of its logarithm, from the lowest energy that
  a voxel of the public data holds up to the highest of the reference, which itself counts (in the
  evaluation it is lost in about one layer of three, where rounding puts the last edge below it);
- centre (mean) and width (standard deviation) of the energy in eta = r cos(alpha) and
  phi = r sin(alpha) of each layer that is cut in alpha, mm, at the middle of each voxel in r and
  alpha, with alpha counted from -pi: opposite to the x and y of our geometries, which count it
  from 0. A layer without energy lies at 0 with a width of 0, and counts;
- sparsity of each layer: share of its voxels without energy; binned is 1 - sparsity.

Voxels are binned too, as layers are, in 49 steps. In data set 1, whose incident energies are powers
of two, the response also at each of them. Bins are those of the challenge; what lies outside them
is left out, on each side by itself.

Sources: github.com/CaloChallenge/homepage, in code/: HighLevelFeatures.py (commit 0d10232),
XMLHandler.py (b7da333), evaluate.py (04b79ce), evaluate_plotting_helper.py (5e12c02); C. Krause et
al. 2024, arXiv:2410.21611. The bins of the sparsity, which that evaluation does not draw, are those
of github.com/heidelberg-hepml/CaloINN, src/evaluate_plotting_helper.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointcalo.formats.shower_file import ShowerFile
from pointcalo.formats.voxels.rings import ring_cells
from pointcalo.geometry import Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Showers

BATCH_SHOWERS = 500
TINY = 1e-16
"""Added to denominators, as in the evaluation of the challenge."""
FIXED_ENERGIES = 2.0 ** np.arange(8, 23)
"""Incident energies of data set 1 in MeV."""

OUTSIDE = 1e-6
"""Share of a shower's energy that rounding may seem to put outside every voxel."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DataSet:
    """How the evaluation bins a public data set.

    Attributes:
        lowest_energy: Where the bins of voxels and layers begin, MeV.
        layers: Numbers of the layers in the names of histograms.
        near: Reach of the bins of centres and widths, mm.
        fixed: Whether the incident energies are `FIXED_ENERGIES`.
        narrow_from: First of them where the response has bins from 0.9 to 1.1.
    """

    lowest_energy: float
    layers: tuple[int, ...]
    near: float
    fixed: bool = False
    narrow_from: int = len(FIXED_ENERGIES)

    def reach(self, layer: int) -> tuple[float, float]:
        """Reach of the bins of centres and of widths in a layer, mm."""
        return (500.0, 400.0) if self.fixed and layer in (12, 13) else (self.near,) * 2


READOUT = 0.5e-3 / 0.033  # 0.5 keV deposited, in voxels divided by the sampling fraction
DATA_SETS = {
    "calochallenge_1_photon": DataSet(10.0, (0, 1, 2, 3, 12), 100.0, fixed=True, narrow_from=4),
    "calochallenge_1_pion": DataSet(10.0, (0, 1, 2, 3, 12, 13, 14), 100.0, fixed=True),
    "calochallenge_2": DataSet(READOUT, tuple(range(45)), 30.0),
    "calochallenge_3": DataSet(READOUT, tuple(range(45)), 30.0),
}
"""By the name of the geometry."""


class Voxels:
    """The voxels of a public data set, and what is measured on them.

    Args:
        geometry: One of `DATA_SETS`.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry, self.data_set = geometry, DATA_SETS[geometry.name]
        self.centre = torch.zeros(2, geometry.num_cells, dtype=torch.float64)
        self.size = geometry.layer_start.diff()
        self.cut = torch.zeros(geometry.num_layers, dtype=torch.bool)
        for number, cells in enumerate(ring_cells(geometry, "the CaloChallenge")):
            edges = torch.from_numpy(geometry.layers[number].segmentation.edges)
            bins = cells.shape[1]
            alpha = (torch.arange(bins, dtype=torch.float64) + 0.5) * (2 * torch.pi / bins)
            r = (edges[:-1] + edges[1:])[:, None] / 2
            direction = torch.stack([(alpha - torch.pi).cos(), (alpha - torch.pi).sin()])
            self.centre[:, cells] = r * direction[:, None]
            self.cut[number] = bins > 1
        self._project = Projector(geometry)

    def batches(self, file: ShowerFile) -> Iterator[Showers]:
        """Showers of a file on voxels, batch by batch.

        Raises:
            ValueError: Showers of another geometry, with energy outside every voxel, or such as
                cannot be used.
        """
        file.check_geometry(self.geometry)
        for showers in file.iterate(BATCH_SHOWERS):
            if showers.cell is None:
                showers, outside = self._project(showers)
                if bool((outside > OUTSIDE).any()):
                    raise ValueError(
                        f"{file.path}: up to {float(outside.max()):.1%} of a shower's energy lies "
                        "outside every voxel: convert it to the layout calochallenge first, which "
                        "says what is lost"
                    )
            yield showers

    def tables(self, showers: Showers) -> dict[str, Tensor]:
        """Features of each layer by their kind, [S, L] float64, of showers on voxels."""
        energy = self._sums(showers, showers.energy)
        lit = self._sums(showers, showers.energy > 0)
        tables = {"energy": energy, "sparsity": 1.0 - lit / self.size}
        for name, centre in zip(("eta", "phi"), self.centre[:, showers.cell], strict=True):
            weight = centre * showers.energy
            mean = self._sums(showers, weight) / (energy + TINY)
            square = self._sums(showers, centre * weight) / (energy + TINY)
            tables[f"centre_{name}"] = mean
            tables[f"width_{name}"] = (square - mean**2).clamp(min=0).sqrt()
        return tables

    def _sums(self, showers: Showers, weight: Tensor) -> Tensor:
        """Sum of a weight of each point over showers and layers, [S, L] float64."""
        layers = len(self.size)
        slot = showers.index * layers + showers.layer
        return torch.bincount(slot, weight.double(), len(showers) * layers).reshape(-1, layers)


@dataclass(frozen=True)
class Features:
    """Features of the S showers of a file.

    Attributes:
        incident: Energies of the incident particles in MeV, [S].
        tables: Features of each layer by their kind, [S, L]: energy, sparsity, centre_eta,
            centre_phi, width_eta, width_phi; MeV and mm.
        highest_voxel: Highest energy of a voxel in MeV.
    """

    incident: Array
    tables: dict[str, Array]
    highest_voxel: float

    @cached_property
    def response(self) -> Array:
        """Sum of the voxels over the incident energy, [S]."""
        return self.tables["energy"].sum(axis=1) / self.incident


def features(file: ShowerFile, voxels: Voxels) -> Features:
    """Measure the showers of a file, batch by batch.

    Raises:
        ValueError: Showers of another geometry, or such as cannot be used.
        OSError: A file that cannot be read.
    """
    parts: list[dict[str, Tensor]] = []
    highest = 0.0
    for showers in voxels.batches(file):
        parts.append(voxels.tables(showers))
        highest = max(highest, float(showers.energy.max()) if showers.num_points else 0.0)
    tables = {kind: torch.cat([part[kind] for part in parts]).numpy() for kind in parts[0]}
    return Features(file.incident().energy.double().numpy(), tables, highest)


@dataclass(frozen=True)
class Histogram:
    """A feature of two samples in the bins of the challenge.

    Attributes:
        edges: Of the bins, [B + 1].
        reference: Values in each bin, [B]; those outside are in none.
        generated: The same of the sample to judge.
        outside: Shares of the values of both samples that lie in no bin.
    """

    edges: Array
    reference: Array
    generated: Array
    outside: tuple[float, float]

    @cached_property
    def separation(self) -> float:
        """Separation power in 0..1; NaN where a sample has nothing in the bins.

        S = 1/2 sum over bins of (a - b)^2 / (a + b), with a and b normalised to 1.

        Source: S. Diefenbacher et al. 2020, arXiv:2009.03796, eq. 15.
        """
        totals = self.reference.sum(), self.generated.sum()
        if min(totals) == 0:
            return float("nan")
        a, b = self.reference / totals[0], self.generated / totals[1]
        return float(((a - b) ** 2 / (a + b + TINY)).sum() / 2)


def histograms(reference: ShowerFile, generated: ShowerFile) -> dict[str, Histogram]:
    """Every histogram of the evaluation by its name, such as centre_eta_layer_12.

    Both files are read twice, in memory that does not grow with their hits.

    Raises:
        ValueError: Showers of no public data set, of different ones, with energy outside every
            voxel, or such as cannot be used.
        OSError: A file that cannot be read.
    """
    if reference.geometry_name not in DATA_SETS:
        raise ValueError(
            f"{reference.path}: showers in geometry {reference.geometry_name!r}, expected a public "
            f"data set of the CaloChallenge: {', '.join(DATA_SETS)}"
        )
    voxels = Voxels(Geometry.load(reference.geometry_name))
    first, second = features(reference, voxels), features(generated, voxels)
    found = {"response": _filled(np.linspace(0.5, 1.5, 101), first.response, second.response)}
    found |= _at_fixed_energies(voxels.data_set, first, second)
    for kind, table in first.tables.items():
        for number, layer in enumerate(voxels.data_set.layers):
            if kind in ("energy", "sparsity") or voxels.cut[number]:
                both = table[:, number], second.tables[kind][:, number]
                found[f"{kind}_layer_{layer}"] = _of_layer(voxels.data_set, kind, layer, *both)
    edges = _logarithmic(voxels.data_set.lowest_energy, first.highest_voxel, 50)
    found["voxel_energy"] = _of_voxels(edges, (reference, generated), voxels)
    return found


def _at_fixed_energies(
    data_set: DataSet, first: Features, second: Features
) -> dict[str, Histogram]:
    found = {}
    for number, low in enumerate(FIXED_ENERGIES if data_set.fixed else ()):
        narrow = number >= data_set.narrow_from
        edges = np.linspace(0.9, 1.1, 21) if narrow else np.linspace(0.4, 1.4, 21)
        both = [
            side.response[(side.incident >= low) & (side.incident < 2 * low)]
            for side in (first, second)
        ]
        found[f"response_{low:.0f}_MeV"] = _filled(edges, *both)
    return found


def _of_layer(
    data_set: DataSet, kind: str, layer: int, reference: Array, generated: Array
) -> Histogram:
    centre, width = data_set.reach(layer)
    if kind == "sparsity":
        return _filled(np.linspace(0, 1, 20), 1 - reference, 1 - generated)
    if kind == "energy":
        edges = _logarithmic(data_set.lowest_energy, float(reference.max()), 40)
    elif kind.startswith("centre"):
        edges = np.linspace(-centre, centre, 101)
    else:
        edges = np.linspace(0, width, 101)
    return _filled(edges, reference, generated)


def _of_voxels(edges: Array, files: tuple[ShowerFile, ShowerFile], voxels: Voxels) -> Histogram:
    """Fill with the voxels that hold energy, batch by batch."""
    counts = np.zeros((2, len(edges) - 1))
    lit = [0, 0]
    for side, file in enumerate(files):
        for showers in voxels.batches(file):
            counts[side] += np.histogram(showers.energy.double().numpy(), edges)[0]
            lit[side] += showers.num_points
    return _histogram(edges, counts, lit)


def _filled(edges: Array, reference: Array, generated: Array) -> Histogram:
    both = (reference, generated)
    counts = np.stack([np.histogram(values, edges)[0] for values in both]).astype(float)
    return _histogram(edges, counts, [len(values) for values in both])


def _histogram(edges: Array, counts: Array, sizes: list[int]) -> Histogram:
    first, second = (1 - counts.sum(axis=1) / np.maximum(sizes, 1)).tolist()
    return Histogram(edges, counts[0], counts[1], (first, second))


def _logarithmic(low: float, high: float, number: int) -> Array:
    """Edges, all at the lowest energy where nothing is above it."""
    return np.geomspace(low, high, number) if high > low else np.full(number, low)
