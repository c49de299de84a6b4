"""Event displays that turn: the same incident particle in the reference and in each sample."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib as mpl
import numpy as np
import torch

from pointcalo.geometry import Geometry
from pointcalo.showers import Showers, axis_xy
from pointcalo.showers.particles import particle_name
from pointcalo.units import GeV, degree
from pointcalo.validation.judgement import Judgement
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.pairing import same_incident

SHARES = {"low": 0.05, "middle": 0.5, "high": 0.95}  # of the particles have less energy
SMALLEST, LARGEST = 2.5, 11.0  # pixels across a marker
SHADES = 12
AXIS_COLOUR = "#0072B2"
CAMERA = {
    "up": {"x": 0, "y": 1, "z": 0},
    "eye": {"x": -1.9, "y": 0.7, "z": -1.1},
    "center": {"x": 0, "y": -0.12, "z": 0},
}


@dataclass(frozen=True)
class Scene:
    """One shower of each sample, of the same incident particle where both have it.

    Attributes:
        name: Which energy it is.
        showers: One shower each, by label of the sample, the reference first.
        geometry: Their detector.
    """

    name: str
    showers: Mapping[str, Showers]
    geometry: Geometry

    @property
    def title(self) -> str:
        """The incident particle of the reference, in words."""
        return _particle(next(iter(self.showers.values())))

    def account(self, label: str) -> str:
        """What is seen of one sample, in words."""
        shower = self.showers[label]
        energy = float(shower.energy.sum())
        text = f"{shower.num_points} cells hit, {energy:.4g} MeV visible"
        particle = _particle(shower)
        return text if particle == self.title else f"{text}; of a {particle}"

    def as_dict(self) -> dict:
        """What the page draws: traces of each sample, and the layout they share."""
        return {
            "name": self.name,
            "title": self.title,
            "layout": self._layout(),
            "samples": [
                {"account": self.account(label), "traces": [self._hits(shower), self._axis(shower)]}
                for label, shower in self.showers.items()
            ],
        }

    @cached_property
    def _energies(self) -> tuple[float, float]:
        """Logarithms of the lowest and highest energies, one scale for all samples."""
        every = torch.cat([shower.energy for shower in self.showers.values()])
        every = every[every > 0].double().log10()
        if len(every) == 0:
            return -1.0, 0.0
        return min(float(every.min()), float(every.max()) - 1), float(every.max())

    def _hits(self, shower: Showers) -> dict:
        low, high = self._energies
        order = shower.energy.double().clamp(min=10**low).log10().numpy()
        ticks = _ticks(low, high)
        return {
            "type": "scatter3d",
            "mode": "markers",
            "name": "cells hit",
            **dict(zip("xyz", _rounded(self._places(shower)), strict=True)),
            "text": [f"{energy:.4g} MeV" for energy in shower.energy.tolist()],
            "hovertemplate": "x %{x} mm<br>y %{y} mm<br>z %{z} mm<br>%{text}<extra></extra>",
            "marker": {
                "size": _round(SMALLEST + (LARGEST - SMALLEST) * (order - low) / (high - low)),
                "color": _round(order, 3),
                "colorscale": _shades(),
                **{"cmin": low, "cmax": high, "opacity": 0.85, "line": {"width": 0}},
                "colorbar": {
                    "title": {"text": "MeV"},
                    **{"len": 0.75, "thickness": 12, "tickvals": ticks},
                    "ticktext": [f"{10.0**tick:.3g}" for tick in ticks],
                },
            },
        }

    def _axis(self, shower: Showers) -> dict:
        z = self.geometry.layer_z[[0, -1]]
        x, y = axis_xy(shower.incident, z)[0].T
        return {
            "type": "scatter3d",
            "mode": "lines",
            "name": "incident axis",
            **dict(zip("xyz", _rounded(torch.stack([x, y, z], dim=1)), strict=True)),
            "line": {"color": AXIS_COLOUR, "width": 5},
            "hoverinfo": "name",
        }

    def _layout(self) -> dict:
        """Equal scales, the same for all samples, about what is lit; y upwards, z to the right."""
        places = torch.cat([self._places(shower) for shower in self.showers.values()])
        places = places if len(places) else torch.zeros(1, 3)
        low, high = places.min(dim=0).values, places.max(dim=0).values
        longest = float((high - low).max()) or 1.0
        scene: dict = {"aspectmode": "manual", "aspectratio": {}, "dragmode": "orbit"}
        for name, first, last in zip("xyz", low.tolist(), high.tolist(), strict=True):
            width = max(1.05 * (last - first), 0.6 * longest)
            middle = (first + last) / 2
            ends = [round(middle - width / 2, 2), round(middle + width / 2, 2)]
            scene[f"{name}axis"] = {"range": ends, "title": {"text": f"{name} [mm]"}}
            scene["aspectratio"][name] = round(width / longest, 3)
        return {
            "scene": {**scene, "camera": CAMERA},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "showlegend": False,
        }

    def _places(self, shower: Showers) -> torch.Tensor:
        return torch.cat([shower.xy, self.geometry.layer_z[shower.layer][:, None]], dim=1)


def scenes(reference: Measurement, judgements: Sequence[Judgement]) -> list[Scene]:
    """Showers of low, middle and high energy, of the same particle in every sample.

    Where a sample has other incident particles, its shower of the nearest energy is taken.
    """
    samples = [judgement.sample.measurement for judgement in judgements]
    n = min(len(one.showers) for one in (reference, *samples))
    known = reference.showers.incident[:n].energy
    order = known.argsort()
    chosen = {name: int(order[int(share * (n - 1))]) for name, share in SHARES.items()}
    return [
        Scene(
            name,
            {"reference": reference.showers[number]}
            | {j.label: _matching(reference, j.sample.measurement, n, number) for j in judgements},
            reference.geometry,
        )
        for name, number in chosen.items()
    ]


def events_json(scenes_: Sequence[Scene]) -> str:
    """The scenes for the script of the page."""
    text = json.dumps([scene.as_dict() for scene in scenes_], separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _matching(reference: Measurement, sample: Measurement, n: int, number: int) -> Showers:
    first, second = reference.showers.incident[:n], sample.showers.incident
    if same_incident(first, second[:n]):
        return sample.showers[number]
    return sample.showers[int((second.energy / first.energy[number]).log().abs().argmin())]


def _particle(shower: Showers) -> str:
    incident = shower.incident
    angle = float(incident.direction[0, 2].abs().clamp(max=1).acos()) / degree
    name = particle_name(int(incident.pdg[0]))
    return f"{name} of {float(incident.energy[0]) / GeV:.3g} GeV at {angle:.0f}° to the normal"


def _ticks(low: float, high: float) -> list[float]:
    """Logarithms of powers of ten within the scale, or its ends where there are fewer than two."""
    powers = [float(power) for power in range(int(np.ceil(low)), int(np.floor(high)) + 1)]
    return powers if len(powers) > 1 else [low, high]


def _rounded(places: torch.Tensor) -> list[list[float]]:
    return [_round(column.double().numpy(), 2) for column in places.T]


def _round(values: np.ndarray, digits: int = 1) -> list[float]:
    return np.round(values, digits).tolist()


def _shades() -> list[list]:
    colours = mpl.colormaps["magma_r"](np.linspace(0.12, 1.0, SHADES))
    return [
        [round(at / (SHADES - 1), 4), mpl.colors.to_hex(colour)]
        for at, colour in enumerate(colours)
    ]
