"""What sets showers apart from those that a decoder makes of their latents."""

from torch import Tensor, nn

from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import Profile
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.nn.set_distance import directions, energy_score
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

DIRECTIONS = 16  # along which the points of a layer are sorted

Decoder = CellGenerator | SetGenerator


def check_decoder(generator: nn.Module, model: str) -> None:
    """Whether there is a misfit of a generator.

    Raises:
        ValueError: a generator of neither cells nor points.
    """
    if not isinstance(generator, Decoder):
        raise ValueError(
            f"model={model} needs a generator with a likelihood or with points, got "
            f"{type(generator).__name__}; take network=cells, graph, set or attention"
        )


def misfit(
    generator: Decoder,
    showers: Showers,
    latent: Tensor,
    noise: Noise,
    mirror: Tensor | None = None,
    *,
    distance: float,
) -> dict[str, Tensor]:
    """Terms that a decoder minimises, given the profiles of the showers.

    On cells the negative log likelihood. On points the energy score of two reconstructions of each
    layer, from the same latent and other noise, summed over layers.

    Args:
        generator: the decoder.
        showers: S showers above threshold, with cells.
        latent: ``[S, Z]``.
        noise: keys of the S showers.
        mirror: signs ``[S]`` of the coordinate across the tilt, to train on mirrored showers.
        distance: weight of the energy score.

    Returns:
        Terms by name, each ``[S]``.
    """
    if isinstance(generator, CellGenerator):
        terms = generator.log_prob(showers, latent, noise, mirror)
        return {name: -term for name, term in terms.items()}
    profile = Profile.of(showers, generator.geometry)
    again = Noise(~noise.key)  # other numbers than those of these keys
    one, two = (
        generator.points(latent, showers.incident, profile, numbers).features
        for numbers in (noise, again)
    )
    real = generator.coordinates.encode(showers, mirror)
    along = directions(DIRECTIONS, real.features)
    score = energy_score(real.features, one, two, real.slot_ptr, along)
    return {"distance": distance * score.view(profile.counts.shape).sum(dim=1)}
