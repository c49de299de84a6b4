"""Small showers on any geometry for the tests of networks."""

import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers, axis_xy, ptr_from_counts


def incident_particles(number: int, seed: int = 1, spread: float = 5.0) -> Incident:
    """Photons of 1-10 GeV, tilted by up to 20 degrees, about the origin."""
    generator = torch.Generator().manual_seed(seed)
    theta = 0.35 * torch.rand(number, generator=generator)
    phi = 6.28 * torch.rand(number, generator=generator)
    direction = torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], dim=1)
    entry = torch.zeros(number, 3)
    entry[:, :2] = spread * (torch.rand(number, 2, generator=generator) - 0.5)
    return Incident(
        energy=1e3 + 9e3 * torch.rand(number, generator=generator),
        direction=direction / direction.norm(dim=1, keepdim=True),
        position=entry,
        pdg=torch.full((number,), 22),
    )


def blobs(geometry: Geometry, number: int, seed: int = 1, hits: int = 60) -> Showers:
    """Gaussian blobs of hits about the axis: distinct cells, energies above threshold."""
    generator = torch.Generator().manual_seed(seed)
    incident = incident_particles(number, seed)
    shower = torch.arange(number).repeat_interleave(hits)
    layer = torch.randint(0, geometry.num_layers, (number * hits,), generator=generator)
    axis = axis_xy(incident, geometry.layer_z)[shower, layer]
    size = float(geometry.area(torch.tensor([0])).sqrt())
    xy = axis + 1.5 * size * torch.randn(len(shower), 2, generator=generator)
    cell = geometry.cell_at(layer, xy)
    key = torch.unique((shower * geometry.num_cells + cell)[cell >= 0])
    shower, cell = key // geometry.num_cells, key % geometry.num_cells
    layer, position = geometry.layer_of(cell), geometry.position(cell)
    relative = torch.rand(len(cell), generator=generator) * 5
    energy = geometry.layer_threshold[layer] * (1.01 + relative)
    time = position[:, 2] / 299.792458 + 0.02 * torch.rand(len(cell), generator=generator)
    return Showers(
        points=torch.stack([position[:, 0], position[:, 1], energy, time], dim=1).float(),
        layer=layer,
        ptr=ptr_from_counts(torch.bincount(shower, minlength=number)),
        incident=incident,
        cell=cell,
    )
