"""What the adversarial models share: a generator against a critic, given the profile.

Both sides of the game see showers of the same incident particles with the same hits and energy in
each layer, so that the critic judges what the generator is there for. A generator with a likelihood
keeps it as a further term of its loss: what it had learnt by it, it does not lose.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from pointcalo.models.base import Model, Player, Stream, first_showers
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.critic import critic_of
from pointcalo.networks.point_set import PointSet
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.showers import Incident, Showers
from pointcalo.showers.noise import Noise

Sample = PointSet | CellHits


class Adversarial(Model):
    """Profile model, and a generator trained against a critic; a subclass says how they play.

    Args:
        profile: model of hits and energy per layer, trained beside by its likelihood.
        generator: of cells or of sets.
        critic_width: size of the critic's hidden layers.
        critic_steps: updates of the critic to one of the generator.
        penalty: weight of the penalty on the critic's slope.
        adversarial: weight of the critic's opinion in the generator's loss.
        likelihood: weight of the generator's own likelihood, where it has one.
        learning_rate: of the generator.
        critic_learning_rate: of the critic.
        profile_learning_rate: of the profile model.

    Raises:
        ValueError: a generator of which there is no critic.
    """

    #: Of AdamW for both sides: no momentum, since the other side moves meanwhile.
    betas: tuple[float, float] = (0.0, 0.9)

    def __init__(
        self,
        profile: ProfileModel,
        generator: CellGenerator | SetGenerator,
        *,
        critic_width: int = 48,
        critic_steps: int = 2,
        penalty: float = 1.0,
        adversarial: float = 1.0,
        likelihood: float = 1.0,
        learning_rate: float = 5e-4,
        critic_learning_rate: float = 1e-3,
        profile_learning_rate: float = 1e-3,
    ) -> None:
        super().__init__()
        self.profile = profile
        self.generator = generator
        self.critic = critic_of(generator, critic_width)
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.adversarial = adversarial
        self.likelihood = likelihood
        self.learning_rate = learning_rate
        self.critic_learning_rate = critic_learning_rate
        self.profile_learning_rate = profile_learning_rate
        self.register_buffer("hits_per_shower", torch.tensor(1.0))

    @abstractmethod
    def told_apart(self, real: Tensor, imitated: Tensor) -> Tensor:
        """What the critic minimises of the scores of both sides, each ``[S]``; ``[S]``."""

    @abstractmethod
    def taken_for_real(self, imitated: Tensor) -> Tensor:
        """What the generator minimises of the scores of its showers ``[S]``; ``[S]``."""

    @abstractmethod
    def slope_penalty(
        self, real: Sample, imitated: Sample, incident: Incident, profile: Profile
    ) -> Tensor:
        """Penalty on the critic's slope in each shower, ``[S]``."""

    def further_terms(self, imitated: Sample, showers: Showers) -> dict[str, Tensor]:
        """What else the generator minimises, of its showers and real ones of the same particles."""
        return {}

    def players(self) -> dict[str, Player]:
        """The profile model, the critic, and the generator at every few of the critic's steps."""
        profile, critic, generator = (
            tuple(part.parameters()) for part in (self.profile, self.critic, self.generator)
        )
        return {
            "profile": Player(profile, self.profile_learning_rate, independent=True),
            "critic": Player(critic, self.critic_learning_rate, betas=self.betas),
            "generator": Player(
                generator, self.learning_rate, every=self.critic_steps, betas=self.betas
            ),
        }

    def prepare(self, stream: Stream) -> None:
        """Fit the normalisations on the first showers of the stream."""
        showers = first_showers(stream).to(self.generator.geometry.device)
        for part in (self.profile, self.generator, self.critic):
            part.fit(showers)
        self.hits_per_shower.fill_(showers.num_points / len(showers))

    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Negative log likelihood of the profiles; the two sides of the game."""
        latent, noise = self._numbers(showers)
        if player == "profile":
            num_layers = self.profile.geometry.num_layers
            return {"profile": -self.profile.log_prob(showers).mean() / num_layers}
        profile = Profile.of(showers, self.generator.geometry)
        if player == "critic":
            with torch.no_grad():
                imitated = self.generator.imitated(latent, showers.incident, profile, noise)
                real = self.generator.real(showers)
            return self._critic_losses(real, imitated, showers.incident, profile)
        imitated = self.generator.imitated(latent, showers.incident, profile, noise)
        score = self.critic(imitated, showers.incident, profile)
        losses = {"adversarial": self.adversarial * self.taken_for_real(score).mean()}
        losses |= self.further_terms(imitated, showers)
        if self.likelihood > 0 and isinstance(self.generator, CellGenerator):
            terms = self.generator.log_prob(showers, latent, noise)
            scale = self.likelihood / self.hits_per_shower
            losses |= {name: -scale * term.mean() for name, term in terms.items()}
        return losses

    def _critic_losses(
        self, real: Sample, imitated: Sample, incident: Incident, profile: Profile
    ) -> dict[str, Tensor]:
        scores = (self.critic(sample, incident, profile) for sample in (real, imitated))
        slope = self.slope_penalty(real, imitated, incident, profile)
        return {
            "told_apart": self.told_apart(*scores).mean(),
            "penalty": self.penalty * slope.mean(),
        }

    def _numbers(self, showers: Showers) -> tuple[Tensor, Noise]:
        """A latent and the random numbers of each shower."""
        device = showers.ptr.device
        latent = torch.randn(len(showers), self.generator.latent, device=device)
        number = torch.arange(len(showers), device=device)
        return latent, Noise.for_showers(int(torch.randint(2**62, (1,))), number)
