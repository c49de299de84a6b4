"""Extra columns of the particles as conditions."""

from dataclasses import replace

import pytest
import torch

from pointcalo.nn.condition import Condition
from pointcalo.showers import Incident

FIELD = torch.tensor([2.0, 3.0, 4.0, 3.0])


def particles(**extra: torch.Tensor) -> Incident:
    return Incident(
        energy=torch.tensor([1e3, 1e4, 1e5, 5e4]),
        direction=torch.tensor([[0.0, 0.6, 0.8]]).repeat(4, 1),
        position=torch.zeros(4, 3),
        pdg=torch.tensor([22, 11, 22, 11]),
        extra=extra,
    )


def test_columns_are_standardised_features() -> None:
    condition = Condition(["field", "gap"], max_species=2)
    incident = particles(field=FIELD, gap=1e-9 * FIELD, unused=FIELD)
    condition.fit(incident)
    features = condition(incident)
    assert features.shape == (4, condition.size) == (4, 7)
    expected = torch.tensor([-1.0, 0.0, 1.0, 0.0]) * 2.0**0.5
    torch.testing.assert_close(features[:, 3:5], expected[:, None].expand(4, 2))
    without = Condition(max_species=2)
    without.fit(incident)
    assert torch.equal(features[:, [0, 1, 2, 5, 6]], without(incident))


def test_a_missing_column_is_named() -> None:
    condition = Condition(["field"])
    with pytest.raises(ValueError, match="have no column field; there are: gap"):
        condition.fit(particles(gap=FIELD))
    condition.fit(particles(field=FIELD))
    with pytest.raises(ValueError, match="have no column field; there are: none"):
        condition(replace(particles(field=FIELD), extra={}))
