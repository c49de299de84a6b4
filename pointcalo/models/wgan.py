"""Wasserstein GAN on sets of points.

The critic D maximises ``E[D(real)] - E[D(generated)]`` among functions of slope 1 (Arjovsky et al.
2017, arXiv:1701.07875), which a penalty on its gradient holds it to (Gulrajani et al. 2017,
arXiv:1704.00028): between a real and a generated shower of the same particle and profile, point by
point, with one norm a shower. The generator maximises ``E[D(generated)]``.
"""

import torch
from torch import Tensor

from pointcalo.models.base import Model, Player, Stream, first_showers
from pointcalo.networks.point_set import PointSet
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_critic import SetCritic
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.nn.gradient_penalty import gradient_penalty
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

BETAS = (0.0, 0.9)  # no momentum: the other player moves meanwhile (Gulrajani et al. 2017)


class WGAN(Model):
    """Profile model, and a generator of sets trained against a critic.

    Args:
        profile: model of hits and energy per layer, trained beside by its likelihood.
        generator: of sets of points.
        critic_width: size of the critic's hidden layers.
        critic_steps: updates of the critic to one of the generator.
        penalty: weight of the gradient penalty.
        learning_rate: of the generator.
        critic_learning_rate: of the critic.
        profile_learning_rate: of the profile model.
    """

    def __init__(
        self,
        profile: ProfileModel,
        generator: SetGenerator,
        *,
        critic_width: int = 48,
        critic_steps: int = 3,
        penalty: float = 10.0,
        learning_rate: float = 5e-4,
        critic_learning_rate: float = 1e-3,
        profile_learning_rate: float = 2e-3,
    ) -> None:
        super().__init__()
        self.profile = profile
        self.generator = generator
        self.critic = SetCritic(
            generator.geometry, width=critic_width, conditions=generator.conditions
        )
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.learning_rate = learning_rate
        self.critic_learning_rate = critic_learning_rate
        self.profile_learning_rate = profile_learning_rate

    def players(self) -> dict[str, Player]:
        """The profile model, the critic, and the generator at every few of the critic's steps."""
        profile, critic, generator = (
            tuple(part.parameters()) for part in (self.profile, self.critic, self.generator)
        )
        return {
            "profile": Player(profile, self.profile_learning_rate, independent=True),
            "critic": Player(critic, self.critic_learning_rate, betas=BETAS),
            "generator": Player(
                generator, self.learning_rate, every=self.critic_steps, betas=BETAS
            ),
        }

    def prepare(self, stream: Stream) -> None:
        """Fit the normalisations on the first showers of the stream."""
        showers = first_showers(stream).to(self.generator.geometry.device)
        for part in (self.profile, self.generator, self.critic):
            part.fit(showers)

    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Negative log likelihood of the profiles; the two sides of the game."""
        if player == "profile":
            num_layers = self.profile.geometry.num_layers
            return {"profile": -self.profile.log_prob(showers).mean() / num_layers}
        profile = Profile.of(showers, self.generator.geometry)
        if player == "generator":
            generated = self._generate(showers, profile)
            return {"score": -self.critic(generated, showers.incident, profile).mean()}
        with torch.no_grad():
            generated = self._generate(showers, profile).by_energy()
            real = self.generator.coordinates.encode(showers)
        return self._critic_losses(showers, profile, real, generated)

    def _critic_losses(
        self, showers: Showers, profile: Profile, real: PointSet, generated: PointSet
    ) -> dict[str, Tensor]:
        incident = showers.incident

        def score(features: Tensor) -> Tensor:
            return self.critic(PointSet(features, profile.counts), incident, profile)

        part = torch.rand(len(showers), 1, device=real.features.device)[real.shower]
        between = torch.lerp(real.features, generated.features, part)
        slope = gradient_penalty(score, between, real.ptr)
        return {
            "distance": (score(generated.features) - score(real.features)).mean(),
            "penalty": self.penalty * slope.mean(),
        }

    def _generate(self, showers: Showers, profile: Profile) -> PointSet:
        device = showers.ptr.device
        latent = torch.randn(len(showers), self.generator.latent, device=device)
        number = torch.arange(len(showers), device=device)
        noise = Noise.for_showers(int(torch.randint(2**62, (1,))), number)
        return self.generator.points(latent, showers.incident, profile, noise)
