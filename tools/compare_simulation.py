"""Compare the parametric simulation with a file of showers from a full simulation.

    python tools/compare_simulation.py hgcal hgcal_photon_train.h5 [split] > comparison.json

Simulates the same incident particles as in the file and prints, for both, what docs/simulation.md
shows: response, spread and hits by energy, energy by layer, radii, spectrum of cells, delays.
"""

import json
import sys
from time import perf_counter

import torch
from torch import Tensor

from pointcalo.formats import NativeFile, split_numbers
from pointcalo.geometry import Geometry
from pointcalo.showers import ShowerFrame, Showers
from pointcalo.simulation import ParametricSimulation
from pointcalo.units import SPEED_OF_LIGHT, GeV

ENERGIES_GEV = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
SHARES = (0.5, 0.9, 0.98)
SPECTRUM = (0.0, 0.5, 0.75, 1.0, 1.25, 1.6, 2.2, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
RADII_MM = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0)


def by_energy(showers: Showers, num_layers: int) -> dict[str, list[float]]:
    """Response, its spread and the number of hits in ranges of the incident energy."""
    counts, energy = showers.layer_sums(num_layers)
    total, hits = energy.sum(1), counts.sum(1).double()
    incident = showers.incident.energy / GeV
    middle = (energy * torch.arange(num_layers)).sum(1) / total.clamp(min=1e-9)
    rows: dict[str, list[float]] = {k: [] for k in ("response", "spread", "hits", "layer")}
    for low, high in zip(ENERGIES_GEV, ENERGIES_GEV[1:], strict=False):
        chosen = (incident >= low) & (incident < high)
        response = total[chosen] / incident[chosen]
        edge = response.quantile(torch.tensor([0.16, 0.84]))
        root = incident[chosen].sqrt().mean()
        rows["response"].append(float(response.mean()))
        rows["spread"].append(float(edge.diff() / 2 / response.mean() * root))
        rows["hits"].append(float(hits[chosen].mean()))
        rows["layer"].append(float(middle[chosen].mean()))
    return rows


def radii(showers: Showers, geometry: Geometry) -> tuple[Tensor, dict[str, float]]:
    """Distance of each hit from the axis in its layer, and the radii that hold shares of energy."""
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    radius = frame.to_frame(showers.xy, showers.layer, showers.index).norm(dim=1)
    value, order = radius.sort()
    share = showers.energy[order].double().cumsum(0)
    place = torch.searchsorted(share, torch.tensor(SHARES, dtype=torch.float64) * share[-1])
    names = [f"r{round(100 * s)}_mm" for s in SHARES]
    return radius, dict(zip(names, value[place].tolist(), strict=True))


def observables(showers: Showers, geometry: Geometry) -> dict[str, object]:
    """Everything that is compared."""
    whole, dropped = showers.above_threshold(geometry)
    radius, found = radii(whole, geometry)
    mip = torch.tensor([layer.mip_MeV for layer in geometry.layers])
    spectrum = torch.histogram(showers.energy / mip[showers.layer], torch.tensor(SPECTRUM)).hist
    energy = whole.energy.double() / (whole.incident.energy[whole.index] / GeV)
    longitudinal = torch.zeros(geometry.num_layers, dtype=torch.float64)
    longitudinal.index_add_(0, whole.layer, energy)
    cosine = whole.incident.direction[:, 2][whole.index]
    light = geometry.layer_z[whole.layer] / cosine / SPEED_OF_LIGHT
    late = (whole.points[:, 3] - light)[:, None]
    near = [(radius >= a) & (radius < b) for a, b in zip(RADII_MM, RADII_MM[1:], strict=False)]
    return {
        "below_threshold": dropped,
        "mean_hits": whole.num_points / len(whole),
        **by_energy(whole, geometry.num_layers),
        **found,
        "energy_per_layer": (longitudinal / len(whole)).tolist(),
        "rows_per_mip_bin": (spectrum / len(showers)).tolist(),
        "median_delay_ns": [float(late[chosen].median()) for chosen in near],
    }


def main() -> None:
    """Print the comparison as JSON."""
    torch.set_num_threads(1)
    geometry = Geometry.load(sys.argv[1])
    file = NativeFile(sys.argv[2])
    numbers = split_numbers(len(file), sys.argv[3] if len(sys.argv) > 3 else "train")
    reference = file.read(numbers)
    simulation = ParametricSimulation(geometry)
    start = perf_counter()
    parametric = simulation.simulate(reference.incident, seed=1)
    seconds = perf_counter() - start
    result = {
        "showers": len(reference),
        "showers_per_second": len(reference) / seconds,
        "energies_GeV": ENERGIES_GEV,
        "mip_bins": SPECTRUM,
        "radii_mm": RADII_MM,
        "reference": observables(reference, geometry),
        "parametric": observables(parametric, geometry),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
