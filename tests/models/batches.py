"""Showers and short fits for the tests of autoencoders."""

from dataclasses import replace

import pytest
import torch
from networks.showers import blobs
from torch import Tensor

from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.networks.profile import Profile
from pointcalo.showers import ShowerFrame, Showers


class OneBatch:
    def __init__(self, showers: Showers) -> None:
        self.showers = showers

    def epoch(self, number: int, start: int = 0) -> list[Showers]:
        return [self.showers][start:]

    def __len__(self) -> int:
        return 1


def fit(model: Model, player: str, showers: Showers, steps: int, rate: float) -> list[float]:
    optimiser = torch.optim.Adam(model.players()[player].parameters, lr=rate)
    losses = []
    for _ in range(steps):
        batch = showers[torch.randperm(len(showers))[:32]]
        loss = sum(model.losses(player, batch).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def hide_the_own_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles say nothing of it, so that a latent may: it tells on which side showers lie."""
    whole = Profile.of

    def hidden(*arguments: object) -> Profile:
        profile = whole(*arguments)
        return replace(profile, axis=torch.zeros_like(profile.axis))

    monkeypatch.setattr(Profile, "of", hidden)


def on_one_side(geometry: Geometry, number: int) -> Showers:
    """Half of the showers lie on one side of their axis, half on the other."""
    showers = blobs(geometry, number, hits=80)
    side = torch.arange(number)[showers.index] % 2 * 2.0 - 1.0
    return showers.keep(along_tilt(geometry, showers) * side > 0)


def along_tilt(geometry: Geometry, showers: Showers) -> Tensor:
    frame = ShowerFrame(showers.incident, geometry.layer_z)
    return frame.to_frame(showers.xy, showers.layer, showers.index)[:, 0]
