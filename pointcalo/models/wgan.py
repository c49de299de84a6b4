"""Wasserstein GAN.

The critic D maximises ``E[D(real)] - E[D(generated)]`` among functions of slope 1 (Arjovsky et al.
2017, arXiv:1701.07875), which a penalty on its gradient holds it to (Gulrajani et al. 2017,
arXiv:1704.00028), with one norm a shower. Sets of points are penalised between a real and a
generated shower of the same particle and profile, point by point. Hits lie on other cells, so that
there is nothing between them: there it is the real and the generated shower themselves, and only
slopes above 1 (Petzka, Fischer and Lukovnicov 2017, arXiv:1709.08894). The generator maximises
``E[D(generated)]``.
"""

import torch
from torch import Tensor

from pointcalo.models.adversarial import Adversarial, Sample
from pointcalo.networks.point_set import PointSet
from pointcalo.networks.profile import Profile
from pointcalo.nn.gradient_penalty import gradient_penalty, squared_slope
from pointcalo.showers import Incident, ptr_from_counts


class WGAN(Adversarial):
    """Profile model, and a generator of cells or sets trained against a critic of slope 1."""

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
