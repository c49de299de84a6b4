"""Latents held, and new ones drawn like them."""

import torch

from pointcalo.networks.latent_memory import LatentMemory
from pointcalo.showers.noise import Noise


def noise(number: int) -> Noise:
    return Noise.for_showers(1, torch.arange(number))


def two_modes(number: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    side = torch.randint(0, 2, (number, 1), generator=generator) * 4.0 - 1.0
    spread = torch.tensor([0.3, 0.5, 0.1])
    return side * torch.tensor([1.0, 0.0, 0.5]) + spread * torch.randn(
        number, 3, generator=generator
    )


def test_draws_have_mean_spread_and_modes_of_what_is_held() -> None:
    memory, held = LatentMemory(3, size=2000), two_modes(2000)
    memory.remember(held)
    drawn = memory.draw(noise(20_000), stream=4)
    torch.testing.assert_close(drawn.mean(dim=0), held.mean(dim=0), atol=0.04, rtol=0)
    torch.testing.assert_close(drawn.std(dim=0), held.std(dim=0), atol=0, rtol=0.03)
    between = (drawn[:, 0] > 0.3) & (drawn[:, 0] < 1.7)
    assert float(between.float().mean()) < 0.15  # a normal of that spread has 0.36 there
    assert torch.unique(drawn, dim=0).shape == drawn.shape  # new ones, not those held


def test_a_draw_belongs_to_its_shower_whatever_the_batch() -> None:
    memory = LatentMemory(3, size=100)
    memory.remember(two_modes(100))
    whole, part = memory.draw(noise(50), stream=4), memory.draw(noise(50)[20:25], stream=4)
    assert torch.equal(whole[20:25], part)
    assert not torch.equal(whole, memory.draw(noise(50), stream=5))


def test_the_oldest_are_forgotten() -> None:
    memory = LatentMemory(1, size=5)
    for start in (0.0, 3.0, 6.0):
        memory.remember(start + torch.arange(3.0)[:, None])
    assert memory.latents[:, 0].sort().values.tolist() == [4.0, 5.0, 6.0, 7.0, 8.0]
    memory.remember(torch.arange(20.0, 30.0)[:, None])
    assert memory.latents[:, 0].sort().values.tolist() == [25.0, 26.0, 27.0, 28.0, 29.0]


def test_normal_while_nothing_is_held() -> None:
    memory = LatentMemory(3)
    assert torch.equal(memory.draw(noise(9), stream=4), noise(9).latent(3, stream=4))
    memory.remember(torch.ones(1, 3))
    assert torch.equal(memory.draw(noise(9), stream=4), torch.ones(9, 3))
