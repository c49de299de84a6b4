"""Noise: the same numbers in every batch, and the distributions they claim."""

import torch

from pointcalo.showers.noise import GENERATION, SIMULATION, Noise

PINNED = [0.8872900605201721, 0.2324264645576477, 0.9444418549537659]


def _numbers(noise: Noise, count: int, stream: int = 0) -> torch.Tensor:
    shower = torch.arange(len(noise)).repeat_interleave(count)
    return noise.uniform(shower, torch.arange(count).repeat(len(noise)), stream).reshape(-1, count)


def test_numbers_do_not_depend_on_the_batch() -> None:
    together = _numbers(Noise.for_showers(7, torch.arange(10)), 20)
    alone = torch.cat([_numbers(Noise.for_showers(7, torch.tensor([n])), 20) for n in range(10)])
    assert torch.equal(together, alone)
    assert torch.equal(together[4:6], _numbers(Noise.for_showers(7, torch.arange(10))[4:6], 20))


def test_seed_shower_counter_and_stream_are_independent() -> None:
    a = _numbers(Noise.for_showers(1, torch.arange(200)), 100)
    b = _numbers(Noise.for_showers(2, torch.arange(200)), 100)
    c = _numbers(Noise.for_showers(1, torch.arange(200)), 100, stream=1)
    pairs = torch.stack(
        [a.ravel(), b.ravel(), c.ravel(), a.roll(1, 0).ravel(), a.roll(1, 1).ravel()]
    )
    correlation = torch.corrcoef(pairs) - torch.eye(5)
    assert correlation.abs().max() < 5 / 20000**0.5


def test_uniform_is_flat_and_open() -> None:
    numbers = _numbers(Noise.for_showers(3, torch.arange(100)), 10000).ravel()
    assert 0 < numbers.min() and numbers.max() < 1
    counts = torch.histc(numbers, bins=50, min=0, max=1)
    expected = len(numbers) / 50
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert 49 - 5 * 10 < chi2 < 49 + 5 * 10


def test_normal_and_logistic_moments() -> None:
    noise = Noise.for_showers(5, torch.arange(1000))
    latent = noise.latent(100)
    assert latent.shape == (1000, 100)
    assert abs(latent.mean()) < 0.02 and abs(latent.var() - 1) < 0.02
    shower = torch.zeros(100000, dtype=torch.int64)
    logistic = noise.logistic(shower, torch.arange(100000))
    assert abs(logistic.var() - torch.pi**2 / 3) < 0.1


def test_programs_with_the_same_seed_share_no_numbers() -> None:
    number = torch.arange(100)
    a = _numbers(Noise.for_showers(1, number, GENERATION), 100).ravel()
    b = _numbers(Noise.for_showers(1, number, SIMULATION), 100).ravel()
    assert abs(float(torch.corrcoef(torch.stack([a, b]))[0, 1])) < 0.05


def test_numbers_are_those_of_every_version() -> None:
    """An exported generator and old files rely on them."""
    got = _numbers(Noise.for_showers(7, torch.arange(1)), 3)[0]
    assert got.tolist() == PINNED
