"""What a generator is told of the particle: entry point, species, extra columns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks.showers import blobs

from pointcalo.geometry import Geometry
from pointcalo.networks.candidates import Pool
from pointcalo.networks.context import LayerContext
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.showers import Incident, ShowerFrame, Showers
from pointcalo.showers.noise import Noise

PITCH = 12.0  # of toy


@pytest.fixture(scope="module")
def toy() -> Geometry:
    return Geometry.load("toy")


@pytest.fixture(scope="module")
def showers(toy: Geometry) -> Showers:
    return blobs(toy, 32)


def entering(incident: Incident, x: float, y: float) -> Incident:
    position = torch.tensor([x, y, 0.0]).expand(len(incident), 3)
    return replace(incident, position=position)


def test_context_knows_where_in_its_cell_the_axis_is(toy: Geometry, showers: Showers) -> None:
    torch.manual_seed(1)
    context = LayerContext(toy, width=8)
    context.fit(showers)
    profile = Profile.of(showers, toy)

    @torch.no_grad()
    def at(x: float, y: float) -> torch.Tensor:
        return context(entering(showers.incident, x, y), profile)

    here = at(1.0, 2.0)
    assert float((at(4.0, -3.0) - here).abs().amax(dim=(1, 2)).min()) > 1e-3
    for x, y in ((PITCH, 0.0), (PITCH / 2, PITCH * 3**0.5 / 2), (-PITCH, 0.0)):
        torch.testing.assert_close(at(1.0 + x, 2.0 + y), here, atol=1e-3, rtol=0.0)


def test_profiles_know_it_too_and_repeat_with_the_lattice(toy: Geometry, showers: Showers) -> None:
    torch.manual_seed(1)
    model = ProfileModel(toy, width=16)
    model.fit(showers)

    @torch.no_grad()
    def told(x: float, y: float) -> torch.Tensor:
        return model._static(entering(showers.incident, x, y))

    here = told(1.0, 2.0)
    assert float((told(4.0, -3.0) - here).abs().amax(dim=(1, 2)).min()) > 1e-3
    torch.testing.assert_close(told(1.0 + PITCH, 2.0), here, atol=1e-4, rtol=0.0)


def test_candidates_move_with_the_lattice(toy: Geometry, showers: Showers) -> None:
    """The cells about the axis lie where they lay, a lattice vector on; within the cell not."""
    counts = Profile.of(showers, toy).counts
    noise = Noise.for_showers(1, torch.arange(32))
    order = torch.arange(toy.num_colours).expand(counts.numel(), -1)

    def about_axis(x: float, y: float) -> torch.Tensor:
        incident = entering(showers.incident, x, y)
        pool = Pool(toy, ShowerFrame(incident, toy.layer_z), counts, order, noise, near=24)
        cells = pool.cells(pool.near)
        uv = torch.cat([cells.segment[:, None], pool.uv(cells)], dim=1)
        keys = uv.mul(100).round().numpy()
        return uv[np.lexsort(keys.T[::-1])]

    here = about_axis(1.0, 2.0)
    torch.testing.assert_close(about_axis(1.0 + PITCH, 2.0), here, atol=1e-3, rtol=0.0)
    assert float((about_axis(4.0, -3.0) - here).abs().max()) > 1.0


def test_two_species_have_different_contexts(toy: Geometry, showers: Showers) -> None:
    torch.manual_seed(1)
    pdg = torch.tensor([22, 211]).repeat(16)
    both = showers.replace(incident=replace(showers.incident, pdg=pdg))
    context = LayerContext(toy, width=8)
    context.fit(both)
    profile = Profile.of(both, toy)
    swapped = replace(both.incident, pdg=pdg.flip(0))
    with torch.no_grad():
        difference = context(both.incident, profile) - context(swapped, profile)
    assert float(difference.abs().amax(dim=(1, 2)).min()) > 1e-3


def test_extra_columns_reach_profile_and_context(toy: Geometry, showers: Showers) -> None:
    torch.manual_seed(1)
    field = torch.linspace(0.0, 4.0, 32)
    known = showers.replace(incident=replace(showers.incident, extra={"field": field}))
    turned = known.replace(incident=replace(known.incident, extra={"field": field.flip(0)}))
    context = LayerContext(toy, width=8, conditions=["field"])
    model = ProfileModel(toy, width=16, conditions=["field"])
    for part in (context, model):
        part.fit(known)
    profile = Profile.of(showers, toy)
    with torch.no_grad():
        difference = context(known.incident, profile) - context(turned.incident, profile)
    assert float(difference.abs().amax(dim=(1, 2)).min()) > 1e-4
    assert bool((model.log_prob(known) != model.log_prob(turned)).all())
    with pytest.raises(ValueError, match="have no column field"):
        model.log_prob(showers)
