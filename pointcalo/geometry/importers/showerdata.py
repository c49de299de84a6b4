"""ShowerData's `DetectorGeometry`, written as JSON or YAML: an ECAL and an HCAL of squares.

It holds the depth of every layer, cells and thresholds, but no materials and no outline. That of
ILD is read as the geometry `ild_ecal_hcal`.
Source: showerdata/detector.py of the package showerdata (FLC-QU-hep/ShowerData).
"""

from collections.abc import Mapping
from typing import Any

from pointcalo.geometry.cartesian import Cartesian
from pointcalo.geometry.files import built_in
from pointcalo.geometry.layout import Layout
from pointcalo.geometry.segmentation import number, whole

MARK = "layer_bottom_pos"
"""Key that no other mapping has."""

WIDTH_MM = 1200.0
"""Of the squares of cells about the axis: ours, ShowerData's layers have no end."""

SAME_DEPTH_MM = 1.0
"""ShowerData's layers of the AHCAL are thinner than ILD's, so that their middles differ."""

PARTS = ("ecal", "hcal")


def read_detector_geometry(content: Mapping[str, Any]) -> Layout:
    """The layout of `dataclasses.asdict` of a DetectorGeometry; cells begin on the axis.

    Raises:
        ValueError: missing keys, values out of range.
    """
    surface = number("calo_surface", _get(content, "calo_surface"))
    bottom = _get(content, MARK)
    segmentations: list[Cartesian] = []
    z: list[float] = []
    threshold: list[float] = []
    for part in PARTS:
        count = _get(content, f"num_layers_{part}")
        if count == 0:
            continue
        first, count = len(z), whole(f"num_layers_{part}", count)
        half = 0.5 * number("layer_thickness", _get(content, f"layer_thickness_{part}"))
        size = number(f"{part}_cell_size", _get(content, f"{part}_cell_size"), positive=True)
        across = 2 * max(1, round(0.5 * WIDTH_MM / size))
        segmentations += [Cartesian(pitch_mm=size, nx=across, ny=across)] * count
        z += [round(number(MARK, low) - surface + half, 6) for low in bottom[first : first + count]]
        threshold += [number("threshold", content.get(f"{part}_threshold", 0.0))] * count
    if len(z) != len(segmentations) or len(z) != len(bottom):
        raise ValueError(f"{MARK} has {len(bottom)} numbers; expected {len(segmentations)}")
    name = str(content.get("name", "detector"))
    layout = Layout(
        name=name,
        summary=f"{name} as ShowerData describes it, {len(z)} layers, {WIDTH_MM:g} mm wide",
        kind="ShowerData detector",
        segmentations=tuple(segmentations),
        z_mm=tuple(z),
        threshold=tuple(threshold),
    )
    ild = Layout.of(built_in("ild_ecal_hcal"), f"{layout.kind}, ILD")
    return ild if _is_same(layout, ild) else layout


def _is_same(one: Layout, other: Layout) -> bool:
    """Whether cells, thresholds and, nearly, depths are equal."""
    if one.segmentations != other.segmentations or one.threshold != other.threshold:
        return False
    pairs = zip(one.z_mm or (), other.z_mm or (), strict=True)
    return all(abs(a - b) < SAME_DEPTH_MM for a, b in pairs)


def _get(content: Mapping[str, Any], key: str) -> Any:
    if key not in content or (key == MARK and not isinstance(content[key], list)):
        raise ValueError(f"has no {key}; expected the fields of ShowerData's DetectorGeometry")
    return content[key]
