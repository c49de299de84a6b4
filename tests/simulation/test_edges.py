"""Parametric showers at an edge, in a hole, at a dead cell: what has no cell is lost."""

from dataclasses import replace

import pytest
import torch

from pointcalo.geometry import Cartesian, Geometry
from pointcalo.projection import Projector
from pointcalo.showers import Incident
from pointcalo.simulation import ParametricSimulation

PLANE = Cartesian(pitch_mm=5, nx=60, ny=60)
HALF = Cartesian(pitch_mm=5, nx=30, ny=60, offset_mm=(-75, 0))  # ends at x = 0


def toy(segmentation: Cartesian) -> Geometry:
    """The stack of the toy with squares."""
    layers = [replace(layer, segmentation=segmentation) for layer in Geometry.load("toy").layers]
    return Geometry("squares", layers)


def photons(number: int, x: float) -> Incident:
    """Photons of 5 GeV along z at x, y anywhere in 20 mm."""
    y = 20.0 * torch.rand(number, generator=torch.Generator().manual_seed(1))
    position = torch.stack((torch.full_like(y, x), y, torch.zeros_like(y)), dim=1)
    direction = torch.tensor([[0.0, 0.0, 1.0]]).repeat(number, 1)
    return Incident(torch.full((number,), 5e3), direction, position, torch.full((number,), 22))


def kept(segmentation: Cartesian, x: float = 0.0) -> float:
    """Share of the energy that is left, compared with a wide plane of cells."""
    some = photons(200, x)
    whole, left = (
        ParametricSimulation(toy(s)).simulate(some, seed=1).energy.sum()
        for s in (PLANE, segmentation)
    )
    return float(left / whole)


def test_an_axis_on_a_straight_edge_keeps_half() -> None:
    assert kept(HALF) == pytest.approx(0.5, abs=0.02)
    assert kept(HALF, -20.0) == pytest.approx(0.98, abs=0.015)
    assert kept(HALF, 20.0) == pytest.approx(1.0 - kept(HALF, -20.0), abs=0.01)


def test_a_hole_loses_the_more_the_larger_it_is() -> None:
    x = -12.5  # centre of a cell
    shares = [
        kept(replace(PLANE, dead=((x, 2.5),)), x),
        *(kept(replace(PLANE, holes=((x, 10.0, r),)), x) for r in (15.0, 30.0)),
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < 0.95 and shares[1] < 0.3 and shares[2] < 0.06


def test_what_is_kept_and_what_is_lost_make_the_whole() -> None:
    geometry = toy(HALF)
    deposits = ParametricSimulation(geometry).deposits(photons(20, -3.0), seed=1)
    showers, share = Projector(geometry)(deposits)
    total, held = (
        torch.zeros(20, dtype=torch.float64).index_add(0, s.index, s.energy.double())
        for s in (deposits, showers)
    )
    torch.testing.assert_close(held, total * (1.0 - share.double()), rtol=1e-5, atol=1e-6)
    assert 0.1 < float(share.mean()) < 0.5
