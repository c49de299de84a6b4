"""The page of a shower: its hits in space, to turn and to point at, in one file; no network."""

import html
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
import torch

from pointcalo.display.event import Event
from pointcalo.display.space import ARROW, BLUE, palette
from pointcalo.showers import TIME, axis_xy

SMALLEST, LARGEST = 3.0, 13.0  # pixels across a marker
SHADES = 16  # of the colour scale
OUTSIDE = "#009e73"  # told apart from the palette and the axis with any colour vision
LEAST_SIDE, BOX = 0.6, 1.15  # shortest side of the box by its longest one; size of the box
FAR = 3.0  # a point so many times farther off than the farthest hit would shrink all others
HOTTEST = 4  # layers named in the text


def write_page(event: Event, path: Path) -> None:
    """Write the page of a shower.

    Args:
        event: the shower.
        path: file to write.
    """
    traces = [_hits(event), _axis(event), *_stray(event)]
    figure = go.Figure(traces, _layout(traces))
    plot = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="shower",  # the same shower gives the same file
        config={
            "displaylogo": False,
            "responsive": True,
            "showSendToCloud": False,
        },
    )
    page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    texts = {"TITLE": event.title, "ACCOUNT": event.account, "TEXT": _text(event)}
    texts["SOURCE"] = f"Showers by: {event.source}" if event.source else ""
    for name, text in texts.items():
        page = page.replace(f"<!--{name}-->", html.escape(text))
    path.write_text(page.replace("<!--PLOT-->", plot), encoding="utf-8")


def _hits(event: Event) -> go.Scatter3d:
    showers = event.showers
    x, y, z = event.geometry.position(showers.cell).numpy().T
    energy, order = showers.energy.numpy(), np.log10(showers.energy.numpy())
    high = float(order.max())
    low = min(float(order.min()), high - 1)
    known = np.stack([showers.layer, energy, showers.points[:, TIME]], axis=1)
    return go.Scatter3d(
        **{"x": x, "y": y, "z": z, "customdata": known, "mode": "markers", "name": "cells hit"},
        hovertemplate=(
            "layer %{customdata[0]}<br>x %{x:.4g} mm<br>y %{y:.4g} mm<br>z %{z:.4g} mm<br>"
            "E %{customdata[1]:.4g} MeV<br>t %{customdata[2]:.4g} ns<extra></extra>"
        ),
        marker={
            "size": SMALLEST + (LARGEST - SMALLEST) * (order - low) / (high - low),
            "color": order,
            "colorscale": _shades(),
            **{"cmin": low, "cmax": high, "opacity": 0.85, "line": {"width": 0}},
            "colorbar": {"title": {"text": "energy [MeV]"}, "len": 0.75, **_ticks(low, high)},
        },
    )


def _axis(event: Event) -> go.Scatter3d:
    incident, z = event.showers.incident, event.geometry.layer_z[event.layers]
    before = float(incident.direction[0, 2].sign()) * ARROW * event.radius
    ends = torch.stack([z[0] - before, z[-1]])
    x, y = axis_xy(incident, ends)[0].T
    return go.Scatter3d(
        **{"x": x.numpy(), "y": y.numpy(), "z": ends.numpy(), "mode": "lines", "name": "axis"},
        **{"line": {"color": BLUE, "width": 5}, "hoverinfo": "name"},
    )


def _stray(event: Event) -> list[go.Scatter3d]:
    if event.stray.num_points == 0:
        return []
    farthest = max(float(event.away(event.showers).max()), event.radius)
    near = event.away(event.stray) < FAR * farthest
    shown = "" if bool(near.all()) else f" ({int(near.sum())} of {len(near)} near enough to show)"
    stray = event.stray.keep(near)
    x, y = stray.xy.numpy().T
    z, energy = event.geometry.layer_z[stray.layer].numpy(), stray.energy.numpy()
    where = {"x": x, "y": y, "z": z, "customdata": energy}
    return [
        go.Scatter3d(
            **where,
            mode="markers",
            name=f"outside every cell{shown}",
            marker={"symbol": "diamond", "size": 4, "color": OUTSIDE},
            hovertemplate=(
                "outside every cell<br>x %{x:.4g} mm<br>y %{y:.4g} mm<br>z %{z:.4g} mm<br>"
                "E %{customdata:.4g} MeV<extra></extra>"
            ),
        )
    ]


def _layout(traces: list[go.Scatter3d]) -> dict:
    """Equal scales on all axes; y upwards and z to the right, as in the side views."""
    ends = {name: [np.ptp(points), points.min(), points.max()] for name, points in _all(traces)}
    longest = max(size for size, _, _ in ends.values())
    axes, ratio = {}, {}
    for name, (size, low, high) in ends.items():
        # a flat box would bring the eye into it
        width = max(1.05 * size, LEAST_SIDE * longest)
        middle = (low + high) / 2
        ratio[name] = BOX * width / longest
        title = {"text": f"{name} [mm]"}
        axes[f"{name}axis"] = {"range": [middle - width / 2, middle + width / 2], "title": title}
    camera = {"up": {"x": 0, "y": 1, "z": 0}, "eye": {"x": -1.8, "y": 0.6, "z": -0.9}}
    camera["center"] = {"x": 0, "y": -0.12, "z": 0}  # leaves room for the labels below
    view = {"aspectmode": "manual", "aspectratio": ratio, "dragmode": "orbit", "camera": camera}
    return {
        "scene": {**axes, **view},
        "margin": {"l": 0, "r": 20, "t": 10, "b": 0},
        "legend": {"x": 0.01, "y": 0.99},
        "template": "plotly_white",
    }


def _all(traces: list[go.Scatter3d]) -> Iterator[tuple[str, np.ndarray]]:
    """The name of each axis and the numbers along it."""
    for name in "xyz":
        yield name, np.concatenate([np.asarray(trace[name], dtype=float) for trace in traces])


def _shades() -> list[list]:
    step = np.linspace(0, 1, SHADES)
    return [[float(at), mpl.colors.to_hex(palette()(at))] for at in step]


def _ticks(low: float, high: float) -> dict[str, list]:
    """1, 2 and 5 times the powers of ten within the scale, or its ends where there are none."""
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    marks = [first * 10.0**power for power in powers for first in (1, 2, 5)]
    marks = [mark for mark in marks if low <= np.log10(mark) <= high] or [10**low, 10**high]
    return {"tickvals": np.log10(marks).tolist(), "ticktext": [f"{mark:.3g}" for mark in marks]}


def _text(event: Event) -> str:
    """What the plot shows, for those who cannot see it."""
    energy = event.showers.layer_sums(event.geometry.num_layers)[1][0]
    hottest = ", ".join(
        f"layer {layer} ({float(energy[layer]):.3g} MeV)" for layer in event.hottest(HOTTEST)
    )
    first, last = int(event.layers[0]), int(event.layers[-1])
    return f"Hits in layers {first} to {last}; most of the energy in {hottest}."
