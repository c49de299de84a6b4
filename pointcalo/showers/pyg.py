"""Showers as a PyTorch Geometric batch, and back."""

import torch
from torch import Tensor
from torch_geometric.data import Batch

from pointcalo.geometry import Geometry
from pointcalo.showers.incident import FIELDS, Incident
from pointcalo.showers.ragged import ptr_from_counts
from pointcalo.showers.showers import ENERGY, Showers

_INCIDENT = "incident_"


def to_pyg(showers: Showers, geometry: Geometry | None = None) -> Batch:
    """One graph a shower: nodes are points, edges are left to the user.

    Args:
        showers: S showers, P points.
        geometry: gives the depth of the layers; without it `pos` has two columns.

    Returns:
        Batch with pos [P, 2 or 3] mm, x [P, 2] (energy MeV, time ns), layer [P], cell [P] where
        known, batch [P], ptr [S+1], and incident_energy [S] MeV, incident_direction [S, 3],
        incident_position [S, 3] mm, incident_pdg [S], and each extra column of the particles.
    """
    pos = showers.xy
    if geometry is not None:
        pos = torch.cat([pos, geometry.layer_z[showers.layer, None]], dim=1)
    nodes = {"pos": pos, "x": showers.points[:, ENERGY:], "layer": showers.layer}
    if showers.cell is not None:
        nodes["cell"] = showers.cell
    incident = showers.incident
    columns = {name: getattr(incident, name) for name in FIELDS} | dict(incident.extra)
    graphs = {_INCIDENT + name: values for name, values in columns.items()}
    batch = Batch(batch=showers.index, ptr=showers.ptr, **nodes, **graphs)
    _make_separable(batch, set(nodes), set(graphs))
    return batch


def _make_separable(batch: Batch, nodes: set[str], graphs: set[str]) -> None:
    """Give PyG the slices that `Batch.from_data_list` keeps, without a loop over showers."""
    num = len(batch.ptr) - 1
    slices: dict[str, Tensor] = dict.fromkeys(nodes, batch.ptr.cpu())
    slices |= dict.fromkeys(graphs, torch.arange(num + 1))
    batch._num_graphs = num
    batch._slice_dict = slices
    batch._inc_dict = dict.fromkeys(slices, torch.zeros(num, dtype=torch.int64))


def from_pyg(batch: Batch) -> Showers:
    """Showers of a batch with the fields that `to_pyg` writes.

    Raises:
        ValueError: a field is missing.
    """
    needed = ["pos", "x", "layer", "ptr", *(_INCIDENT + name for name in FIELDS)]
    missing = [name for name in needed if name not in batch]
    if missing:
        raise ValueError(f"batch has no {', '.join(missing)}: expected the fields of to_pyg")
    columns = {
        name.removeprefix(_INCIDENT): values
        for name, values in batch.to_dict().items()
        if name.startswith(_INCIDENT)
    }
    fields = {name: columns.pop(name) for name in FIELDS}
    return Showers(
        points=torch.cat([batch.pos[:, :2], batch.x], dim=1),
        layer=batch.layer,
        ptr=ptr_from_counts(batch.ptr.diff()),
        incident=Incident(**fields, extra=columns),
        cell=batch.cell if "cell" in batch else None,
    )
