"""High-level features of a shower: what the classifier of `auc_features` sees.

Every feature is one number a shower, float64, NaN where a shower does not define it (the centre
of an empty layer); gradient boosting takes NaN as it is. Lengths that divide the features are in
units of the geometry's median cell pitch, so that the same list serves every detector. Hit times
are not among them.
"""

import torch
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident
from pointcalo.validation.clustering_features import clustering_features
from pointcalo.validation.hits import Hits

RING_PITCHES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 7.0, 11.0, 18.0)
SPECTRUM_EXCESS = (1.0, 1.4, 1.9, 2.5, 3.3, 4.5, 6.5, 10.0, 18.0, 35.0, 80.0, 200.0)
HOTTEST_CELLS = 5


def high_level_features(hits: Hits, pitch_mm: float) -> dict[str, Tensor]:
    """Features of every shower by name, clustering features included.

    Args:
        hits: Of S showers.
        pitch_mm: Unit of lengths, see `median_pitch_mm`.

    Returns:
        Name to values [S], float64; NaN where a shower does not define the feature.
    """
    return {
        **_incident(hits.incident),
        **_totals(hits),
        **_layers(hits),
        **_thirds(hits),
        **_longitudinal(hits),
        **_radial(hits, pitch_mm),
        **_spectrum(hits),
        **clustering_features(hits, pitch_mm),
    }


def median_pitch_mm(geometry: Geometry) -> float:
    """Median over the cells of the square root of their area, in mm."""
    cell = torch.arange(geometry.num_cells)
    return float(geometry.area(cell).double().sqrt().median())


def _incident(incident: Incident) -> dict[str, Tensor]:
    direction, position = incident.direction.double(), incident.position.double()
    return {
        "incident_energy_MeV": incident.energy.double(),
        "incident_slope": direction[:, :2].norm(dim=1) / direction[:, 2].abs().clamp(min=1e-9),
        "incident_azimuth": torch.atan2(direction[:, 1], direction[:, 0]),
        "incident_x_mm": position[:, 0],
        "incident_y_mm": position[:, 1],
    }


def _totals(hits: Hits) -> dict[str, Tensor]:
    energy = hits.total
    number = hits.number
    return {
        "visible_energy_log": energy.log(),
        "response": energy / hits.incident.energy.double(),
        "hits": number,
        "hits_per_energy": number / energy,
        "energy_log_mean": hits.mean(hits.log_excess),
        "energy_log_square": hits.mean(hits.log_excess**2),
        "energy_square": hits.per_shower(hits.energy**2) / energy**2,
    }


def _layers(hits: Hits) -> dict[str, Tensor]:
    """Share of energy, hits, width and hottest cell of every detector layer."""
    layer = hits.layers
    columns = {
        "share": layer.energy / layer.energy.sum(1, keepdim=True),
        "hits": layer.number,
        "width_mm": layer.width_mm,
        "hottest_share": layer.hottest / layer.energy,
    }
    return _spread("layer", columns)


def _thirds(hits: Hits) -> dict[str, Tensor]:
    """Centre, mean radius and energy per hit in the front, middle and rear third of the layers.

    Per layer they would be so many noisy columns that the classifier sees less, not more.
    """
    third = hits.grouped(hits.layer * 3 // hits.num_layers, 3)
    number = third.number
    columns = {
        "u_mm": third.centre[..., 0],
        "v_mm": third.centre[..., 1],
        "radius_mm": third.sum(hits.radius) / number,
        "energy_per_hit_MeV": third.energy / number,
    }
    return _spread("third", columns)


def _spread(group: str, columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """One feature [S] for each column [S, G] and group."""
    return {
        f"{group}_{k}_{name}": values[:, k]
        for name, values in columns.items()
        for k in range(values.shape[1])
    }


def _longitudinal(hits: Hits) -> dict[str, Tensor]:
    """Moments of the energy in depth, and how rough the profile is from layer to layer."""
    depth = hits.depth
    layer = hits.layers
    energy, number = layer.energy, layer.number
    total = energy.sum(1)
    mean = hits.per_shower(hits.energy * depth) / total
    central = depth - mean[hits.shower]
    spread = (hits.per_shower(hits.energy * central**2) / total).sqrt()
    third = hits.per_shower(hits.energy * central**3) / total
    lit = energy > 0
    last = hits.num_layers - 1 - lit.flip(1).int().argmax(1)
    return {
        "depth_mean_mm": mean,
        "depth_spread_mm": spread,
        "depth_skewness": third / spread.clamp(min=1e-6) ** 3,
        "depth_hits_mm": hits.mean(depth),
        "depth_maximum": energy.argmax(1).double(),
        "depth_first": lit.int().argmax(1).double(),
        "depth_last": last.double(),
        "depth_empty": (~lit).sum(1).double(),
        "roughness_energy": energy.diff(dim=1).abs().sum(1) / total,
        "roughness_energy_second": energy.diff(n=2, dim=1).abs().sum(1) / total,
        "roughness_hits": number.diff(dim=1).abs().sum(1) / number.sum(1),
    }


def _radial(hits: Hits, pitch_mm: float) -> dict[str, Tensor]:
    """Global centre and widths, and shares of energy and hits in rings about the axis."""
    u, v = hits.uv.unbind(1)
    mean_u, mean_v = hits.weighted_mean(u), hits.weighted_mean(v)
    out = {
        "u_mm": mean_u,
        "v_mm": mean_v,
        "width_u_mm": (hits.weighted_mean(u * u) - mean_u**2).clamp(min=0).sqrt(),
        "width_v_mm": (hits.weighted_mean(v * v) - mean_v**2).clamp(min=0).sqrt(),
        "radius_energy_mm": hits.weighted_mean(hits.radius),
        "radius_hits_mm": hits.mean(hits.radius),
        "radius_hits_square_mm2": hits.mean(hits.radius**2),
        "u_hits_mm": hits.mean(u),
        "v_hits_mm": hits.mean(v),
    }
    edges = torch.tensor([*RING_PITCHES, float("inf")]).double()
    ring = torch.bucketize(hits.radius / pitch_mm, edges)
    for k in range(len(edges)):
        out[f"ring_{k}_energy"] = hits.weighted_mean(ring == k)
        out[f"ring_{k}_hits"] = hits.mean(ring == k)
    return out


def _spectrum(hits: Hits) -> dict[str, Tensor]:
    """Counts of hits in bins of energy over threshold, and shares of the hottest cells."""
    edges = torch.tensor(SPECTRUM_EXCESS).double()
    bins = torch.bucketize(hits.excess, edges, right=True)
    out = {}
    for k in range(1, len(edges) + 1):
        here = (bins == k).double()
        out[f"spectrum_{k}"] = hits.per_shower(here)
        out[f"spectrum_{k}_share"] = hits.mean(here)
    for k, values in enumerate(_hottest(hits, HOTTEST_CELLS).unbind(1)):
        out[f"hottest_{k}_share"] = values / hits.total
    return out


def _hottest(hits: Hits, number: int) -> Tensor:
    """Energies of the hottest cells of each shower, falling, [S, number]; 0 where it has fewer."""
    order = hits.order_by(hits.energy).flip(0)
    shower = hits.shower[order]
    behind = len(order) - hits.ptr[1:]
    rank = torch.arange(len(order)) - behind[shower]
    out = torch.zeros(hits.num_showers, number, dtype=torch.float64)
    first = rank < number
    out[shower[first], rank[first]] = hits.energy[order[first]]
    return out
