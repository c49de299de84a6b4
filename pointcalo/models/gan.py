"""Generative adversarial network.

The critic D learns to tell real from generated showers of the same particle and profile, and the
generator to be taken for real (Goodfellow et al. 2014, arXiv:1406.2661): with the non-saturating
loss, or with hinges (Lim and Ye 2017, arXiv:1705.02894). A penalty on the critic's slope at real
showers, one norm a shower, keeps the game near its fixed point (Mescheder, Geiger and Nowozin 2018,
arXiv:1801.04406).
"""

from torch import Tensor
from torch.nn import functional

from pointcalo.models.adversarial import Adversarial, Sample
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.nn.gradient_penalty import squared_slope
from pointcalo.showers import Incident, ptr_from_counts

LOSSES = ("nonsaturating", "hinge")


class GAN(Adversarial):
    """Profile model, and a generator of cells or sets trained against a critic.

    Args:
        profile: model of hits and energy per layer.
        generator: of cells or of sets.
        loss: nonsaturating or hinge.
        settings: see `Adversarial`.

    Raises:
        ValueError: an unknown loss, or a generator of which there is no critic.
    """

    betas = (0.0, 0.99)

    def __init__(
        self,
        profile: ProfileModel,
        generator: CellGenerator | SetGenerator,
        *,
        loss: str = "nonsaturating",
        **settings: float,
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"model.loss: got {loss!r}, expected {' or '.join(LOSSES)}")
        super().__init__(profile, generator, **settings)
        self.loss = loss

    def told_apart(self, real: Tensor, imitated: Tensor) -> Tensor:
        """Both sides' distance from a clear answer."""
        if self.loss == "hinge":
            return (1.0 - real).relu() + (1.0 + imitated).relu()
        return functional.softplus(-real) + functional.softplus(imitated)

    def taken_for_real(self, imitated: Tensor) -> Tensor:
        """``-log D`` of the non-saturating game, ``-D`` with hinges."""
        return -imitated if self.loss == "hinge" else functional.softplus(-imitated)

    def slope_penalty(
        self, real: Sample, imitated: Sample, incident: Incident, profile: Profile
    ) -> Tensor:
        """The squared slope at real showers."""

        def score(features: Tensor) -> Tensor:
            return self.critic(real.with_features(features), incident, profile)

        return squared_slope(score, real.features, ptr_from_counts(profile.counts.sum(dim=1)))
