from collections.abc import Callable

import pytest
import torch

from pointcalo.showers import ENERGY, Incident, Showers
from pointcalo.validation.measurement import Measurement
from pointcalo.validation.metrics.estimate import TOO_FEW
from pointcalo.validation.samples import Floor
from pointcalo.validation.slices import (
    NAMES,
    angle_slices,
    compare_slices,
    energy_slices,
    fixed_energies,
    near_energies,
)

Measure = Callable[[Showers], Measurement]


def particles(energy: torch.Tensor) -> Incident:
    number = len(energy)
    angle = torch.linspace(0, 1, number)
    direction = torch.stack([angle.sin(), torch.zeros(number), angle.cos()], dim=1)
    return Incident(energy, direction, torch.zeros(number, 3), torch.full((number,), 22))


def test_slices_hold_every_shower_once_in_equal_numbers() -> None:
    random = torch.Generator().manual_seed(1)
    incident = particles(1000 + 1000 * torch.rand(90, generator=random))
    for slices in (energy_slices(incident, 3), angle_slices(incident, 3)):
        assert [len(part.numbers) for part in slices] == [30, 30, 30]
        assert torch.cat([part.numbers for part in slices]).sort().values.tolist() == list(
            range(90)
        )
        for part in slices:
            assert torch.equal(part.of(incident), part.numbers)
    low, _, high = angle_slices(incident, 3)
    assert low.numbers.tolist() == list(range(30))
    assert high.label == "38.6-57.3 degrees"


def test_one_energy_makes_one_slice() -> None:
    (only,) = energy_slices(particles(torch.full((30,), 5000.0)), 4)
    assert len(only.numbers) == 30
    assert only.label == "5 GeV"


def test_each_of_a_few_energies_makes_a_slice_of_its_own() -> None:
    energy = torch.tensor([10_000.0, 50_000.0, 90_000.0]).repeat(20)
    slices = energy_slices(particles(energy), 5)
    assert [part.label for part in slices] == ["10 GeV", "50 GeV", "90 GeV"]
    assert [len(part.numbers) for part in slices] == [20, 20, 20]


def test_fixed_energies_take_a_window_with_its_ends() -> None:
    incident = particles(torch.tensor([9000.0, 10_000.0, 11_000.0, 11_001.0]).repeat(20))
    (near,) = fixed_energies(incident, [10], 0.1)
    assert near.label == "10 GeV"
    assert len(near.numbers) == 60
    assert near_energies(incident, [10], 0.1).nonzero()[:, 0].tolist() == near.numbers.tolist()
    (exact,) = fixed_energies(incident, [10], 0.0)
    assert len(exact.numbers) == 20


def test_an_energy_without_showers_is_refused_saying_which_there_are() -> None:
    incident = particles(torch.tensor([10_000.0, 50_000.0]).repeat(30))
    with pytest.raises(ValueError, match=r"20 has 0 showers within 5 %.*have 10, 50 GeV"):
        fixed_energies(incident, [10, 20], 0.05)
    many = particles(torch.linspace(1000, 2000, 40))
    with pytest.raises(ValueError, match=r"5 has 0 showers.*have 1 to 2 GeV"):
        fixed_energies(many, [5], 0.05)


def test_a_fault_at_high_energy_shows_in_its_slice_only(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    showers = make_showers(120, seed=1)
    reference = measure_toy(showers)
    low, high = energy_slices(reference.incident, 2)
    points = showers.points.clone()
    hot = torch.isin(showers.index, high.numbers)
    points[hot, ENERGY] *= 1.1
    generated = measure_toy(showers.replace(points=points))
    floor = Floor(reference, measure_toy(make_showers(120, seed=2)), "")
    below, above = compare_slices(reference, generated, floor, [low, high])
    assert set(below.comparisons) == set(NAMES)
    assert below.comparisons["response_bias"].estimate.value == 0.0
    assert above.comparisons["response_bias"].estimate.value == pytest.approx(0.1, abs=1e-5)
    assert above.comparisons["wasserstein_response"].estimate.value > 0
    assert above.comparisons["response_bias"].estimate.n == 60
    assert above.comparisons["response_bias"].floor.n == 60


def test_a_slice_without_showers_is_too_few(
    make_showers: Callable[..., Showers], measure_toy: Measure
) -> None:
    reference = measure_toy(make_showers(60, seed=1))
    (part,) = energy_slices(reference.incident, 1)
    none = reference[torch.arange(0)]
    (found,) = compare_slices(reference, none, Floor(reference, none, ""), [part])
    for compared in found.comparisons.values():
        assert compared.estimate.status == compared.floor.status == TOO_FEW
        assert compared.as_dict()["value"] is None
