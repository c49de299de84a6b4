"""Wasserstein GAN.

The critic D maximises ``E[D(real)] - E[D(generated)]`` among functions of slope 1 (Arjovsky et al.
2017, arXiv:1701.07875), which a penalty on its gradient holds it to (Gulrajani et al. 2017,
arXiv:1704.00028), with one norm a shower. Sets of points are penalised between a real and a
generated shower of the same particle and profile, point by point. Hits lie on other cells, so that
there is nothing between them: there it is the real and the generated shower themselves, and only
slopes above 1 (Petzka, Fischer and Lukovnicov 2017, arXiv:1709.08894). The generator maximises
``E[D(generated)]``.

Beside it a *constrainer* learns, on real showers alone, to read off the hits what a shower was made
with (`pointcalo.networks.constrainer`). The generator is held to showers in which it errs as it
does in real ones (Erdmann et al. 2018, arXiv:1802.03325): there by the mean squared error, here by
the whole distribution of the errors, in the energy distance (Szekely and Rizzo 2013,
doi:10.1016/j.jspi.2013.03.018). Its unbiased estimate has, in small batches too, no slope on
average where both are alike, whatever the constrainer has learnt so far; to ask for readings equal
to the truth would make showers more alike than they are.
"""

import torch
from torch import Tensor

from pointcalo.models.adversarial import Adversarial, Sample
from pointcalo.models.base import Player, Stream, first_showers
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.constrainer import Constrainer, made_hits, real_hits
from pointcalo.networks.point_set import PointSet
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.nn.gradient_penalty import gradient_penalty, squared_slope
from pointcalo.showers import Incident, Showers, ptr_from_counts


class WGAN(Adversarial):
    """Profile model, and a generator of cells or sets against a critic of slope 1.

    Args:
        profile: model of hits and energy per layer.
        generator: of cells or of sets.
        constraint: weight of the constrainer's opinion in the generator's loss; 0: there is none.
        constrainer_width: size of the constrainer's hidden layers.
        constrainer_learning_rate: of the constrainer.
        settings: see `Adversarial`.

    Raises:
        ValueError: a generator of which there is no critic.
    """

    def __init__(
        self,
        profile: ProfileModel,
        generator: CellGenerator | SetGenerator,
        *,
        constraint: float = 1.0,
        constrainer_width: int = 32,
        constrainer_learning_rate: float = 1e-3,
        **settings: float,
    ) -> None:
        super().__init__(profile, generator, **settings)
        self.constraint = constraint
        self.constrainer_learning_rate = constrainer_learning_rate
        self.constrainer = None
        if constraint > 0:
            self.constrainer = Constrainer(
                generator.geometry, width=constrainer_width, conditions=generator.conditions
            )

    def players(self) -> dict[str, Player]:
        """Those of any such game, and the constrainer."""
        if self.constrainer is None:
            return super().players()
        parameters, rate = tuple(self.constrainer.parameters()), self.constrainer_learning_rate
        return super().players() | {"constrainer": Player(parameters, rate, independent=True)}

    def prepare(self, stream: Stream) -> None:
        """Fit the normalisations on the first showers of the stream."""
        super().prepare(stream)
        if self.constrainer is not None:
            self.constrainer.fit(first_showers(stream).to(self.generator.geometry.device))

    def losses(self, player: str, showers: Showers) -> dict[str, Tensor]:
        """Those of the game; the squared errors of the constrainer, in variances of the truth."""
        if player == "constrainer":
            return {"squared_error": self._errors_in_real(showers).square().mean()}
        return super().losses(player, showers)

    def further_terms(self, imitated: Sample, showers: Showers) -> dict[str, Tensor]:
        """How far the constrainer's errors are from those in real showers."""
        if self.constrainer is None:
            return {}
        with torch.no_grad():
            real = self._errors_in_real(showers)
        read = self.constrainer(made_hits(self.generator, imitated, showers.incident))
        errors = read - self.constrainer.truth(showers.incident)
        apart = 2.0 * _between(errors, real) - _between(errors, errors) - _between(real, real)
        return {"constraint": self.constraint * apart.mean()}

    def _errors_in_real(self, showers: Showers) -> Tensor:
        read = self.constrainer(real_hits(self.generator, showers))
        return read - self.constrainer.truth(showers.incident)

    def told_apart(self, real: Tensor, imitated: Tensor) -> Tensor:
        """The distance that the critic sees, negative."""
        return imitated - real

    def taken_for_real(self, imitated: Tensor) -> Tensor:
        """The critic's score, negative."""
        return -imitated

    def slope_penalty(
        self, real: Sample, imitated: Sample, incident: Incident, profile: Profile
    ) -> Tensor:
        """How far the slope is from 1, or above it."""
        ptr = ptr_from_counts(profile.counts.sum(dim=1))

        def score_of(sample: Sample, features: Tensor) -> Tensor:
            return self.critic(sample.with_features(features), incident, profile)

        if isinstance(real, PointSet):
            part = torch.rand(len(incident), 1, device=ptr.device)[real.shower]
            between = torch.lerp(real.features, imitated.features, part)
            return gradient_penalty(lambda features: score_of(real, features), between, ptr)
        slopes = [
            squared_slope(lambda features, s=s: score_of(s, features), s.features, ptr)
            for s in (real, imitated)
        ]
        return sum(((slope + 1e-12).sqrt() - 1.0).relu().square() for slope in slopes) / 2


def _between(x: Tensor, y: Tensor) -> Tensor:
    """Mean distance ``[C]`` of numbers ``[S, C]`` of different showers.

    A generated and the real shower of the same particle and profile are not independent.
    """
    distance, number = (x[:, None] - y).abs(), len(x)
    own = distance.diagonal().sum(dim=-1)
    return (distance.sum(dim=(0, 1)) - own) / max(number * (number - 1), 1)
