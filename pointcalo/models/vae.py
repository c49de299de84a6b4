"""Variational autoencoder: the evidence lower bound of a generator, or a distance in its place.

``log p(showers) >= E_q [log p(showers | latent)] - KL(q(latent | showers) || N(0, 1))``
(Kingma and Welling 2013, arXiv:1312.6114). The weight of the KL term grows from 0 to 1 in the first
part of the training, and a latent dimension pays nothing for its first nats ("free bits", Kingma et
al. 2016, arXiv:1606.04934): without both, the encoder gives up before the decoder has learnt to
listen.

A generator of points has no likelihood: its points are scored against those of the shower (see
`pointcalo.nn.set_distance`), and the weight of the score takes the place of a temperature.
"""

import torch
from torch import Tensor

from pointcalo.models.base import Model, Player, Stream, first_showers
from pointcalo.networks.encoder import ShowerEncoder
from pointcalo.networks.latent_memory import LatentMemory
from pointcalo.networks.misfit import Decoder, check_decoder, misfit
from pointcalo.networks.profile import ProfileModel
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

LATENTS = ("normal", "kde")


class VAE(Model):
    """Profile model, and a generator trained as the decoder of a variational autoencoder.

    Args:
        profile: model of hits and energy per layer, trained beside by its likelihood.
        generator: the decoder, of cells or of points.
        encoder: set, or graph: what the encoder does before it pools (see `ShowerEncoder`).
        encoder_width: hidden size of the encoder.
        distance: weight of the score of points, where the generator makes these.
        learning_rate: of generator and encoder.
        profile_learning_rate: of the profile model.
        warm_up: share of the training in which the KL term grows to its full weight.
        free_nats: nats a latent dimension may use without paying, mean over a batch.
        latent: what samples are made with: normal, or kde (see `LatentMemory`).

    Raises:
        ValueError: a generator of another kind; another encoder or latent.
    """

    def __init__(
        self,
        profile: ProfileModel,
        generator: Decoder,
        *,
        encoder: str = "set",
        encoder_width: int = 64,
        distance: float = 10.0,
        learning_rate: float = 3e-3,
        profile_learning_rate: float = 3e-3,
        warm_up: float = 0.2,
        free_nats: float = 0.1,
        latent: str = "normal",
    ) -> None:
        check_decoder(generator, "vae")
        if latent not in LATENTS:
            raise ValueError(f"model.latent: got {latent!r}, expected {' or '.join(LATENTS)}")
        super().__init__()
        self.profile = profile
        self.generator = generator
        self.encoder = ShowerEncoder(
            generator.geometry,
            latent=generator.latent,
            width=encoder_width,
            kind=encoder,
            conditions=generator.conditions,
        )
        self.distance = distance
        self.learning_rate = learning_rate
        self.profile_learning_rate = profile_learning_rate
        self.warm_up = warm_up
        self.free_nats = free_nats
        self.memory = LatentMemory(generator.latent) if latent == "kde" else None
        self.register_buffer("hits_per_shower", torch.tensor(1.0))

    def players(self) -> dict[str, Player]:
        """The profile model; decoder and encoder together."""
        decoder = [*self.generator.parameters(), *self.encoder.parameters()]
        return {
            "profile": Player(
                tuple(self.profile.parameters()), self.profile_learning_rate, independent=True
            ),
            "generator": Player(tuple(decoder), self.learning_rate, independent=True),
        }

    def prepare(self, stream: Stream) -> None:
        """Fit the normalisations on the first showers of the stream."""
        showers = first_showers(stream).to(self.generator.geometry.device)
        for part in (self.profile, self.generator, self.encoder):
            part.fit(showers)
        self.hits_per_shower.fill_(showers.num_points / len(showers))

    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Likelihoods and distances, per detector layer (profile) or per mean hit (generator)."""
        device = showers.ptr.device
        mirror = torch.randint(0, 2, (len(showers),), device=device) * 2.0 - 1.0
        seed = int(torch.randint(2**62, (1,)))
        noise = Noise.for_showers(seed, torch.arange(len(showers), device=device))
        if player == "profile":
            log_prob = self.profile.log_prob(showers, mirror).mean()
            return {"profile": -log_prob / self.profile.geometry.num_layers}
        mean, log_variance = self.encoder(showers, mirror)
        latent = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        if self.memory is not None and self.training:
            self.memory.remember(latent)
        terms = misfit(self.generator, showers, latent, noise, mirror, distance=self.distance)
        losses = {name: term.mean() / self.hits_per_shower for name, term in terms.items()}
        losses["kl"] = self._kl(mean, log_variance) / self.hits_per_shower
        return losses

    def _kl(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        weight = min(1.0, self.progress / self.warm_up) if self.warm_up > 0 else 1.0
        return weight * kl_to_normal(mean, log_variance, self.free_nats)


def kl_to_normal(mean: Tensor, log_variance: Tensor, free_nats: float) -> Tensor:
    """Mean KL divergence of Gaussians ``[S, Z]`` from N(0, 1), at least so much a dimension."""
    kl = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).mean(dim=0)
    return kl.clamp_min(free_nats).sum()
