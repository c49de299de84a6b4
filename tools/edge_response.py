"""Response near an edge and in a hole: a generator against the parametric simulation.

The detector of a run is cut along a straight line, or gets a hole; particles come in straight at
some distances from the line, or in the middle of the hole. The generator has seen neither:
    python tools/edge_response.py --run runs/NAME
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from pointcalo.cli.run_directory import trained_model
from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.sampling import Sampler
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import ParametricSimulation
from pointcalo.units import GeV

REACH = 150.0  # mm that the cells go on around the place of the particles


def cut(geometry: Geometry, **outline: tuple) -> Geometry:
    """The geometry on a wide plane, with another outline."""
    layers = [
        replace(layer, segmentation=replace(layer.segmentation.continued(REACH), **outline))
        for layer in geometry.layers
    ]
    return Geometry(geometry.name, layers)


def half_plane(geometry: Geometry) -> Geometry:
    """Cells whose centre is at x < 1 mm."""
    far = 10.0 * REACH
    return cut(geometry, outline_mm=((-far, -far), (1.0, -far), (1.0, far), (-far, far)))


def mean_edge(geometry: Geometry) -> float:
    """Mean x in mm where the cells of the first layer end: the edge of a lattice is a zigzag."""
    x, y = torch.linspace(-30.0, 30.0, 601), torch.linspace(-40.0, 40.0, 401)
    xy = torch.cartesian_prod(y, x).flip(1)
    cell = geometry.cell_at(torch.zeros(len(xy), dtype=torch.int64), xy)
    return float((cell >= 0).float().mean()) * 60.0 - 30.0


def particles(x: Tensor, energy_GeV: float) -> Incident:
    """Photons along z at x in mm, y uniform over 40 mm."""
    y = 40.0 * torch.rand(len(x), generator=torch.Generator().manual_seed(1)) - 20.0
    zero = torch.zeros_like(x)
    return Incident(
        energy=torch.full_like(x, energy_GeV * GeV),
        direction=torch.stack([zero, zero, zero + 1.0], dim=1),
        position=torch.stack([x, y, zero], dim=1),
        pdg=torch.full((len(x),), 22),
    )


def response(showers: Showers, threshold: Tensor) -> tuple[float, float]:
    """Mean visible energy of a shower in MeV and its error; cells below threshold do not count."""
    held = showers.energy * (showers.energy >= threshold[showers.layer])
    energy = torch.zeros(len(showers)).index_add(0, showers.index, held)
    return float(energy.mean()), float(energy.std()) / len(energy) ** 0.5


def compare(model: Model, geometry: Geometry, incident: Incident) -> tuple[float, ...]:
    """Responses (value, error) of the simulation and of the generator."""
    threshold = geometry.layer_threshold
    simulated = ParametricSimulation(geometry).simulate(incident, seed=1)
    generated = Showers.cat(list(Sampler(model.on(geometry)).sample(incident, seed=2)))
    return *response(simulated, threshold), *response(generated, threshold)


def line(name: str, values: tuple[float, ...], whole: tuple[float, ...]) -> str:
    """A row of the table: shares of the response in the bulk, and their difference in errors."""
    a, a_error, b, b_error = values
    a, a_error, b, b_error = a / whole[0], a_error / whole[0], b / whole[2], b_error / whole[2]
    pull = (b - a) / max(1e-9, (a_error**2 + b_error**2) ** 0.5)
    return f"| {name} | {a:.3f} +- {a_error:.3f} | {b:.3f} +- {b_error:.3f} | {pull:+.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="run directory of a training")
    parser.add_argument("--energy-GeV", type=float, default=10.0)
    parser.add_argument("--showers", type=int, default=500, help="showers at each distance")
    parser.add_argument("--distances-mm", type=float, nargs="+", default=[-20, -10, 0, 10, 20, 40])
    parser.add_argument("--holes-mm", type=float, nargs="+", default=[10, 20, 40])
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, geometry = trained_model(options.run, "cpu")
    x = torch.zeros(options.showers)
    bulk = compare(model, cut(geometry), particles(x, options.energy_GeV))
    print("| place | simulated | generated | difference, errors |\n|---|---|---|---|")
    print(line(f"bulk, {bulk[0]:.0f} and {bulk[2]:.0f} MeV", bulk, bulk))
    half = half_plane(geometry)
    edge = mean_edge(half)
    for distance in options.distances_mm:
        incident = particles(x + edge - distance, options.energy_GeV)
        side = "outside" if distance < 0 else "inside"
        name = f"{abs(distance):g} mm {side} an edge"
        print(line(name, compare(model, half, incident), bulk))
    for radius in options.holes_mm:
        with_hole = cut(geometry, holes=((0.0, 0.0, radius),))
        incident = particles(x, options.energy_GeV)
        incident = replace(incident, position=torch.zeros_like(incident.position))
        print(line(f"in a hole of {radius:g} mm", compare(model, with_hole, incident), bulk))


if __name__ == "__main__":
    main()
