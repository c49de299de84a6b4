"""Generative adversarial network on the cell graph.

The critic D learns to tell real from generated showers of the same particle and profile, and the
generator to be taken for real (Goodfellow et al. 2014, arXiv:1406.2661): with the non-saturating
loss, or with hinges (Lim and Ye 2017, arXiv:1705.02894). A penalty on the critic's slope at real
showers, one norm a shower, keeps the game near its fixed point (Mescheder, Geiger and Nowozin 2018,
arXiv:1801.04406). The generator keeps its own likelihood as a further term: what it had learnt
by it, it does not lose.
"""

import torch
from torch import Tensor
from torch.nn import functional

from pointcalo.models.base import Model, Player, Stream, first_showers
from pointcalo.networks.cell_critic import CellCritic
from pointcalo.networks.cell_hits import CellHits
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.nn.gradient_penalty import squared_slope
from pointcalo.showers import Showers
from pointcalo.showers.noise import Noise

BETAS = (0.0, 0.99)  # no momentum: the other player moves meanwhile
LOSSES = ("nonsaturating", "hinge")


class GAN(Model):
    """Profile model, and a generator on cells trained against a critic.

    Args:
        profile: model of hits and energy per layer, trained beside by its likelihood.
        generator: of hits on cells.
        loss: nonsaturating or hinge.
        critic_width: size of the critic's hidden layers.
        critic_steps: updates of the critic to one of the generator.
        penalty: weight of the squared slope of the critic at real showers.
        adversarial: weight of the critic's opinion in the generator's loss.
        likelihood: weight of the generator's own likelihood in its loss.
        learning_rate: of the generator.
        critic_learning_rate: of the critic.
        profile_learning_rate: of the profile model.

    Raises:
        ValueError: a generator that is not on cells, or an unknown loss.
    """

    def __init__(
        self,
        profile: ProfileModel,
        generator: CellGenerator,
        *,
        loss: str = "nonsaturating",
        critic_width: int = 48,
        critic_steps: int = 2,
        penalty: float = 1.0,
        adversarial: float = 0.05,
        likelihood: float = 1.0,
        learning_rate: float = 3e-4,
        critic_learning_rate: float = 1e-3,
        profile_learning_rate: float = 1e-3,
    ) -> None:
        if not isinstance(generator, CellGenerator):
            raise ValueError(
                f"model=gan needs a generator on cells, got {type(generator).__name__}; "
                "take network=cells, or model=wgan for sets"
            )
        if loss not in LOSSES:
            raise ValueError(f"model.loss: got {loss!r}, expected {' or '.join(LOSSES)}")
        super().__init__()
        self.profile = profile
        self.generator = generator
        self.critic = CellCritic(
            generator.geometry, width=critic_width, conditions=generator.conditions
        )
        self.loss = loss
        self.critic_steps = critic_steps
        self.penalty = penalty
        self.adversarial = adversarial
        self.likelihood = likelihood
        self.learning_rate = learning_rate
        self.critic_learning_rate = critic_learning_rate
        self.profile_learning_rate = profile_learning_rate
        self.register_buffer("hits_per_shower", torch.tensor(1.0))

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
        self.hits_per_shower.fill_(showers.num_points / len(showers))

    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Negative log likelihood of the profiles; the two sides of the game."""
        if player == "profile":
            num_layers = self.profile.geometry.num_layers
            return {"profile": -self.profile.log_prob(showers).mean() / num_layers}
        profile = Profile.of(showers, self.generator.geometry)
        generated, latent, noise = self._generate(showers, profile)
        if player == "critic":
            return self._critic_losses(showers, generated, profile)
        score = self.critic(self.generator.followed(generated, latent), showers.incident, profile)
        taken = -score if self.loss == "hinge" else functional.softplus(-score)
        terms = self.generator.log_prob(showers, latent, noise)
        return {
            "adversarial": self.adversarial * taken.mean(),
            **{
                name: -self.likelihood * term.mean() / self.hits_per_shower
                for name, term in terms.items()
            },
        }

    def _critic_losses(
        self, showers: Showers, generated: Showers, profile: Profile
    ) -> dict[str, Tensor]:
        with torch.no_grad():
            real, fake = self.generator.hits(showers), self.generator.hits(generated)

        def score(hits: CellHits) -> Tensor:
            return self.critic(hits, showers.incident, profile)

        of_real, of_fake = score(real), score(fake)
        if self.loss == "hinge":
            told = torch.relu(1.0 - of_real) + torch.relu(1.0 + of_fake)
        else:
            told = functional.softplus(-of_real) + functional.softplus(of_fake)
        slope = squared_slope(lambda points: score(real.moved(points)), real.points, showers.ptr)
        return {"told_apart": told.mean(), "penalty": self.penalty * slope.mean()}

    @torch.no_grad()
    def _generate(self, showers: Showers, profile: Profile) -> tuple[Showers, Tensor, Noise]:
        device = showers.ptr.device
        latent = torch.randn(len(showers), self.generator.latent, device=device)
        number = torch.arange(len(showers), device=device)
        noise = Noise.for_showers(int(torch.randint(2**62, (1,))), number)
        return self.generator(latent, showers.incident, profile, noise), latent, noise
