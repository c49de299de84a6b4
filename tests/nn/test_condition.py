"""The incident particle as features, and standardisation."""

import pytest
import torch

from pointcalo.nn.condition import Condition
from pointcalo.nn.standardise import Standardise
from pointcalo.showers import Incident


def _incident(pdg: list[int]) -> Incident:
    size = len(pdg)
    return Incident(
        energy=torch.linspace(1e3, 1e5, size),
        direction=torch.tensor([[0.0, 0.6, 0.8]]).repeat(size, 1),
        position=torch.zeros(size, 3),
        pdg=torch.tensor(pdg),
    )


def test_species_have_their_own_feature() -> None:
    condition = Condition(max_species=3)
    condition.fit(_incident([22, 11, 22, 211]))
    features = condition(_incident([11, 211, 22]))
    assert features.shape == (3, 6)
    assert features[:, 3:].argmax(dim=1).unique().numel() == 3
    assert torch.equal(features[:, 3:].sum(dim=1), torch.ones(3))


def test_unknown_species_is_named() -> None:
    condition = Condition()
    condition.fit(_incident([22, 22]))
    with pytest.raises(ValueError, match=r"\[11\] unknown to this model.*\[22\]"):
        condition(_incident([22, 11]))


def test_too_many_species_are_refused() -> None:
    with pytest.raises(ValueError, match="3 species, at most 2"):
        Condition(max_species=2).fit(_incident([22, 11, 211]))


def test_standardise_leaves_a_constant_alone() -> None:
    standardise = Standardise(2)
    features = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    standardise.fit(features)
    assert torch.equal(standardise(features), torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
