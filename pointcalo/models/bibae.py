"""Bounded information bottleneck autoencoder, on cells or points.

An encoder and the generator as its decoder (Voloshynovskiy et al. 2019, arXiv:1912.00830; for
showers Buhmann et al. 2020, arXiv:2005.05334). What they minimise together:

- the negative likelihood of the showers given their latents, or the score of their points, and the
  KL divergence of the latents from N(0, 1): as in `pointcalo.models.vae`;
- how far the latents of a batch are from N(0, 1), by their maximum mean discrepancy and in the eyes
  of a critic of latents;
- what a critic says of the reconstructed showers, and another one of the *difference* of each
  shower and its reconstruction. A decoder that draws never gives back the shower itself; what is
  asked of the difference is that it looks like that of two reconstructions from the same latent.

Then, in the last part of the training, a *post-processor* learns to correct the energies of single
hits; its gradients stop there. Samples are made with latents drawn like those of the last training
showers (Buhmann et al. 2021, arXiv:2102.12491).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pointcalo.models.adversarial import Sample
from pointcalo.models.base import Player, Stream, first_showers
from pointcalo.models.gan import GAN
from pointcalo.models.vae import kl_to_normal
from pointcalo.networks.budget import EPS
from pointcalo.networks.candidates import Beyond
from pointcalo.networks.cell_hits import log_energy
from pointcalo.networks.critic import difference_critic_of
from pointcalo.networks.encoder import ShowerEncoder
from pointcalo.networks.latent_memory import LatentMemory
from pointcalo.networks.misfit import Decoder, check_decoder, misfit
from pointcalo.networks.post_processor import PostProcessor
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.nn.discrepancy import energy_distance, latent_discrepancy
from pointcalo.nn.gradient_penalty import squared_slope
from pointcalo.nn.mlp import mlp
from pointcalo.showers import Incident, Showers, ptr_from_counts
from pointcalo.showers.noise import Noise

SMALLEST_VARIANCE = 1e-8  # of the encoder's means, so that small ones are scaled up


@dataclass(frozen=True)
class Encoded:
    """Showers of a batch with their latents.

    Args:
        showers: S of them.
        profile: of these.
        mean: of each latent, ``[S, Z]``.
        log_variance: of each latent, ``[S, Z]``.
        latent: drawn from this Gaussian, ``[S, Z]``.
        noise: keys of the S reconstructions.
    """

    showers: Showers
    profile: Profile
    mean: Tensor
    log_variance: Tensor
    latent: Tensor
    noise: Noise

    @property
    def particle(self) -> tuple[Incident, Profile]:
        """What a shower and its reconstruction share."""
        return self.showers.incident, self.profile


class BIBAE(GAN):
    """Profile model; encoder and decoder, against three critics; post-processor.

    Args:
        profile: model of hits and energy per layer.
        generator: the decoder, of cells or of points.
        critic_width: size of the hidden layers of the critics.
        encoder: set, or graph: what the encoder does before it pools (see `ShowerEncoder`).
        encoder_width: size of the encoder's hidden layers.
        post_width: size of the post-processor's hidden layers.
        distance: weight of the score of points, where the generator makes these.
        difference: weight of the opinion of the critic of differences.
        kl: weight of the KL divergence.
        free_nats: nats a latent dimension may use without paying, mean over a batch.
        mean_spread: spread of the latents' means over the showers of a batch, to which they are
            scaled, so that the encoder cannot fall silent (Zhu et al. 2020, arXiv:2004.12585); 0:
            they are left alone.
        discrepancy: weight of the discrepancy of the latents of a batch from normal ones.
        latent_adversarial: weight of the opinion of the critic of latents.
        post_share: share of the training, its last, in which the post-processor learns.
        post_learning_rate: of the post-processor.
        settings: see `GAN`.

    Raises:
        ValueError: a generator of another kind, or without a latent; an unknown encoder or loss.
    """

    def __init__(
        self,
        profile: ProfileModel,
        generator: Decoder,
        *,
        critic_width: int = 48,
        encoder: str = "set",
        encoder_width: int = 64,
        post_width: int = 32,
        distance: float = 10.0,
        difference: float = 0.05,
        kl: float = 1.0,
        free_nats: float = 0.1,
        mean_spread: float = 0.7,
        discrepancy: float = 10.0,
        latent_adversarial: float = 1.0,
        post_share: float = 0.3,
        post_learning_rate: float = 3e-3,
        **settings: float | str,
    ) -> None:
        check_decoder(generator, "bibae")
        if generator.latent < 1:
            raise ValueError("network.latent: got 0; model=bibae needs at least 1, model=vae none")
        super().__init__(profile, generator, critic_width=critic_width, **settings)
        geometry, size, conditions = generator.geometry, generator.latent, generator.conditions
        self.encoder = ShowerEncoder(
            geometry, latent=size, width=encoder_width, kind=encoder, conditions=conditions
        )
        self.difference_critic = difference_critic_of(generator, critic_width)
        self.latent_critic = mlp([size, critic_width, critic_width, 1])
        self.post_processor = PostProcessor(geometry, width=post_width, conditions=conditions)
        self.memory = LatentMemory(size)
        self.normalise = nn.BatchNorm1d(size, affine=False)
        self.distance = distance
        self.difference = difference
        self.kl = kl
        self.free_nats = free_nats
        self.mean_spread = mean_spread
        self.discrepancy = discrepancy
        self.latent_adversarial = latent_adversarial
        self.post_share = post_share
        self.post_learning_rate = post_learning_rate

    def players(self) -> dict[str, Player]:
        """Profile model, critics, decoder with encoder, and post-processor."""
        rate, post = self.critic_learning_rate, tuple(self.post_processor.parameters())
        critics = [*self.critic.parameters(), *self.difference_critic.parameters()]
        coders = [*self.generator.parameters(), *self.encoder.parameters()]
        return {
            "profile": super().players()["profile"],
            "critic": Player(tuple(critics), rate, betas=self.betas),
            "latent_critic": Player(tuple(self.latent_critic.parameters()), rate, betas=self.betas),
            "generator": Player(
                tuple(coders), self.learning_rate, self.critic_steps, betas=self.betas
            ),
            "post_processor": Player(post, self.post_learning_rate, betas=self.betas),
        }

    def prepare(self, stream: Stream) -> None:
        """Fit the normalisations on the first showers of the stream."""
        super().prepare(stream)
        showers = first_showers(stream).to(self.generator.geometry.device)
        for part in (self.encoder, self.difference_critic, self.post_processor):
            part.fit(showers)

    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Terms of each player; those of the latents are over the hits of a mean shower."""
        if player == "profile":
            return super().losses(player, showers)
        if player == "post_processor" and self.progress < 1.0 - self.post_share:
            return {"spectrum": 0.0 * self.post_processor.hit[-1].bias.sum()}  # not yet
        with torch.set_grad_enabled(player == "generator" and torch.is_grad_enabled()):
            encoded = self._encoded(showers)
        match player:
            case "critic":
                return self._opponents_losses(encoded)
            case "latent_critic":
                return self._latent_losses(encoded.latent)
            case "post_processor":
                return self._post_losses(encoded)
        return self._bound(encoded) | self._latent_terms(encoded) | self._opinions(encoded)

    def generate(
        self,
        latent: Tensor,
        incident: Incident,
        profile: Profile,
        noise: Noise,
        beyond: Beyond | None = None,
    ) -> Showers:
        """The generator's showers with corrected energies; arguments as for a call of it."""
        showers = super().generate(latent, incident, profile, noise, beyond)
        return self.post_processor.applied(showers, profile)

    def _encoded(self, showers: Showers) -> Encoded:
        mean, log_variance = self.encoder(showers)
        if self.mean_spread > 0:
            mean = self.mean_spread * self._normalised(mean)
        normal, noise = self._numbers(showers)
        latent = mean + torch.exp(0.5 * log_variance) * normal
        profile = Profile.of(showers, self.generator.geometry)
        return Encoded(showers, profile, mean, log_variance, latent, noise)

    def _normalised(self, mean: Tensor) -> Tensor:
        several = self.training and len(mean) > 1  # a shower alone has no spread
        held = self.normalise.running_mean, self.normalise.running_var
        return functional.batch_norm(mean.float(), *held, training=several, eps=SMALLEST_VARIANCE)

    def _bound(self, encoded: Encoded) -> dict[str, Tensor]:
        """What the likelihood or the score say, and the KL divergence; latents are kept."""
        if self.training:
            self.memory.remember(encoded.latent)
        divergence = kl_to_normal(encoded.mean, encoded.log_variance, self.free_nats)
        terms = {"kl": self.kl * divergence / self.hits_per_shower}
        if self.likelihood > 0:
            scale = self.likelihood / self.hits_per_shower
            decoded = encoded.showers, encoded.latent, encoded.noise
            found = misfit(self.generator, *decoded, distance=self.distance)
            terms |= {name: scale * term.mean() for name, term in found.items()}
        return terms

    def _latent_terms(self, encoded: Encoded) -> dict[str, Tensor]:
        """What sets the latents of a batch apart from normal ones."""
        latent = encoded.latent.float()
        apart = self.discrepancy * latent_discrepancy(latent, torch.randn_like(latent))
        opinion = self.taken_for_real(self.latent_critic(latent)[:, 0]).mean()
        return {
            "discrepancy": apart / self.hits_per_shower,
            "latent_adversarial": self.latent_adversarial * opinion / self.hits_per_shower,
        }

    def _opinions(self, encoded: Encoded) -> dict[str, Tensor]:
        """What the critics say of reconstructions."""
        if self.adversarial <= 0 and self.difference <= 0:
            return {}
        real = self.generator.real(encoded.showers)
        imitated = self.generator.imitated(encoded.latent, *encoded.particle, encoded.noise)
        score = self.critic(imitated, *encoded.particle)
        apart = self.difference_critic.apart(real, imitated, *encoded.particle)
        return {
            "adversarial": self.adversarial * self.taken_for_real(score).mean(),
            "difference": self.difference * self.taken_for_real(apart).mean(),
        }

    def _opponents_losses(self, encoded: Encoded) -> dict[str, Tensor]:
        """Of the critics of showers and of differences, which see the same reconstructions."""
        _, noise = self._numbers(encoded.showers)
        with torch.no_grad():
            real = self.generator.real(encoded.showers)
            imitated, again = (
                self.generator.imitated(encoded.latent, *encoded.particle, numbers)
                for numbers in (encoded.noise, noise)
            )
        return {
            **self._critic_losses(real, imitated, *encoded.particle),
            **self._difference_losses(real, imitated, again, *encoded.particle),
        }

    def _difference_losses(
        self, real: Sample, imitated: Sample, again: Sample, incident: Incident, profile: Profile
    ) -> dict[str, Tensor]:
        """Of the critic of differences, to which that of two reconstructions is the real one."""

        def score(features: Tensor) -> Tensor:
            hits = again.with_features(features)
            return self.difference_critic.apart(hits, imitated, incident, profile)

        between = score(again.features)
        apart = self.difference_critic.apart(real, imitated, incident, profile)
        slope = squared_slope(score, again.features, ptr_from_counts(profile.counts.sum(dim=1)))
        return {
            "difference_told_apart": self.told_apart(between, apart).mean(),
            "difference_penalty": self.penalty * slope.mean(),
        }

    def _latent_losses(self, latent: Tensor) -> dict[str, Tensor]:
        def score(values: Tensor) -> Tensor:
            return self.latent_critic(values)[:, 0]

        normal = torch.randn_like(latent)
        rows = torch.arange(len(latent) + 1, device=latent.device)
        return {
            "told_apart": self.told_apart(score(normal), score(latent)).mean(),
            "penalty": self.penalty * squared_slope(score, normal, rows).mean(),
        }

    def _post_losses(self, encoded: Encoded) -> dict[str, Tensor]:
        """Distance of the energies of each shower's hits from those of its reconstruction."""
        geometry, showers = self.generator.geometry, encoded.showers
        made = self.generator(encoded.latent, *encoded.particle, encoded.noise)
        threshold = geometry.layer_threshold[made.layer]
        corrected = torch.log(self.post_processor(made, encoded.profile) / threshold + EPS)
        real = log_energy(showers, geometry)
        distance = energy_distance(corrected, real, showers.index, len(showers))
        return {"spectrum": distance.mean().float()}
