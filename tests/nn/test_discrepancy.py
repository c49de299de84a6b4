"""Distances of samples: by hand, and 0 on average for samples of one distribution."""

import pytest
import torch

from pointcalo.nn.discrepancy import energy_distance, latent_discrepancy


def test_energy_distance_by_hand() -> None:
    """Of {0, 2} and {1, 5}: twice the mean across, 3, less 2 and 4 within."""
    x, y = torch.tensor([0.0, 7.0, 2.0]), torch.tensor([5.0, 9.0, 1.0])
    distance = energy_distance(x, y, torch.tensor([0, 1, 0]), 3)
    across = (1 + 5 + 1 + 3) / 4
    assert distance.tolist() == pytest.approx([2 * across - 2 - 4, 0.0, 0.0])


def test_energy_distance_and_its_slope_as_by_pairs() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.rand(2, 40, generator=generator, dtype=torch.float64)
    segment = torch.randint(0, 3, (40,), generator=generator)
    x.requires_grad_(True)
    distance = energy_distance(x, y, segment, 3)
    by_pairs = []
    for number in range(3):
        a, b = x[segment == number], y[segment == number]
        size = len(a)
        across, one, other = ((p[:, None] - q).abs().sum() for p, q in ((a, b), (a, a), (b, b)))
        by_pairs.append(2 * across / size**2 - (one + other) / (size * (size - 1)))
    torch.testing.assert_close(distance, torch.stack(by_pairs))
    slopes = [torch.autograd.grad(d.sum(), x)[0] for d in (distance, torch.stack(by_pairs))]
    torch.testing.assert_close(*slopes)


def test_no_distance_on_average_between_samples_of_one_kind() -> None:
    """Few numbers a sample do not pull them together: the mean is unbiased."""
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 4000 * 3, generator=generator)
    segment = torch.arange(4000).repeat_interleave(3)
    alike = energy_distance(x, y, segment, 4000)
    assert abs(float(alike.mean())) < 3 * float(alike.std()) / 4000**0.5
    wider = energy_distance(1.3 * x, y, segment, 4000)
    narrower = energy_distance(0.7 * x, y, segment, 4000)
    assert min(wider.mean(), narrower.mean()) > 0.02


def test_latent_discrepancy() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 800, 3, generator=generator)
    assert abs(float(latent_discrepancy(x, y))) < 2e-3
    assert latent_discrepancy(x + 1.0, y) > 0.05
    assert latent_discrepancy(0.5 * x, y) > 0.02
    one, other = torch.zeros(2, 1), torch.full((2, 1), 2.0)
    # kernels 1 within, 2 / (2 + 4) across
    assert float(latent_discrepancy(one, other)) == pytest.approx(2 - 2 / 3)
    assert bool(latent_discrepancy(x[:1], y[:1]).isfinite())
