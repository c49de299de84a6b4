"""The binning XML of the CaloChallenge: rings of each layer, cut in alpha.

    <Bins><Bin pid name etaMin etaMax><Layer id r_edges="0,5,10" n_bin_alpha="10"/>...</Bin></Bins>

Radii in mm; `r_edges="0"` is a layer without cells. The file holds no depth, no material and no
threshold. Source: C. Krause et al., 2024, arXiv:2410.21611; github.com/CaloChallenge/homepage.
"""

from itertools import pairwise
from xml.etree.ElementTree import Element

import numpy as np

from pointcalo.geometry.files import built_in
from pointcalo.geometry.geometry import Geometry
from pointcalo.geometry.layout import Layout
from pointcalo.geometry.polar import Polar
from pointcalo.geometry.segmentation import Segmentation

KIND = "CaloChallenge binning XML"
PUBLIC = ("calochallenge_1_photon", "calochallenge_1_pion", "calochallenge_2", "calochallenge_3")
"""Built-in geometries of the four public files."""


def read_bins(root: Element, stem: str, choice: str) -> Layout:
    """The layout of one `Bin`; a public one comes with what its built-in geometry adds.

    Args:
        root: `Bins`.
        stem: name for a detector that is not public.
        choice: name or number of the `Bin`; "" where there is one only.

    Raises:
        ValueError: no such `Bin`, no choice among several, layers that cannot be read.
    """
    chosen = _choose(root.findall("Bin"), choice)
    layers = [layer for layer in chosen.findall("Layer") if _edges(layer) != [0.0]]
    if not layers:
        raise ValueError("no layer of it has cells; expected <Layer id r_edges n_bin_alpha/>")
    for before, layer in pairwise(layers):
        if _number(layer) <= _number(before):
            raise ValueError(
                f"layer {_label(layer)} stands behind layer {_label(before)}; "
                "expected layers in rising order, each once"
            )
    cells = tuple(_rings(layer) for layer in layers)
    return _public(cells) or Layout(
        name=stem,
        summary=f"{_describe(chosen)}; layers {', '.join(_label(layer) for layer in layers)}",
        kind=KIND,
        segmentations=cells,
    )


def _choose(bins: list[Element], choice: str) -> Element:
    found = [
        entry
        for number, entry in enumerate(bins)
        if choice in ("", str(number), entry.get("name", ""))
    ]
    if len(found) == 1:
        return found[0]
    there = "; ".join(f"{number}: {_describe(entry)}" for number, entry in enumerate(bins))
    wanted = f"#{choice} fits {len(found)} of them" if choice else "pick one with FILE.xml#NUMBER"
    raise ValueError(f"has {len(bins)} bins ({there or 'none'}); {wanted}")


def _describe(entry: Element) -> str:
    """Name, particle and range of eta (in the file's own unit)."""
    low, high = entry.get("etaMin"), entry.get("etaMax")
    eta = "" if low is None or high is None else f", eta {low} to {high} in the file's unit"
    return f"CaloChallenge {entry.get('name', 'showers')} (pid {entry.get('pid', '?')}){eta}"


def _number(layer: Element) -> int:
    text = layer.get("id", "")
    if not text.strip().isdecimal():
        raise ValueError(f"a layer has the id {text!r:.40}; expected a number")
    return int(text)


def _label(layer: Element) -> str:
    return layer.get("id", "?")


def _rings(layer: Element) -> Polar:
    edges, bins = _edges(layer), layer.get("n_bin_alpha", "1")
    if not bins.strip().isdecimal():
        raise ValueError(f"layer {_label(layer)}: n_bin_alpha is {bins!r:.40}; expected a number")
    try:
        pairs = zip(edges, edges[1:], strict=False)
        return Polar(rows=tuple((low, high, 1, int(bins)) for low, high in pairs))
    except ValueError as error:
        raise ValueError(f"layer {_label(layer)}: {error}") from error


def _edges(layer: Element) -> list[float]:
    text = layer.get("r_edges", "")
    try:
        return [float(edge) for edge in text.split(",")]
    except ValueError as error:
        raise ValueError(
            f"layer {_label(layer)}: r_edges is {text!r:.40}; expected radii in mm"
        ) from error


def _public(cells: tuple[Segmentation, ...]) -> Layout | None:
    """The layout of the built-in geometry with the same cells."""
    for name in PUBLIC:
        geometry = built_in(name)
        if _same_cells(geometry, cells):
            return Layout.of(geometry, f"{KIND}, known as {name}")
    return None


def _same_cells(geometry: Geometry, cells: tuple[Segmentation, ...]) -> bool:
    if geometry.num_layers != len(cells):
        return False
    return all(
        np.array_equal(layer.segmentation.bins, other.bins)
        and np.allclose(layer.segmentation.edges, other.edges)
        for layer, other in zip(geometry.layers, cells, strict=True)
    )
