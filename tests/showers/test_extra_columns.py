"""Extra columns of incident particles go wherever the particles go."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pointcalo.showers import Incident, Showers, from_pyg, ptr_from_counts, to_pyg


def particles(**extra: Tensor) -> Incident:
    return Incident(
        energy=torch.tensor([1e3, 2e3, 3e3]),
        direction=torch.tensor([[0.0, 0.6, 0.8]]).repeat(3, 1),
        position=torch.zeros(3, 3),
        pdg=torch.full((3,), 22),
        extra=extra,
    )


FIELD = torch.tensor([1.0, 2.0, 4.0])


def test_columns_follow_their_particles() -> None:
    incident = particles(field=FIELD, gap=-FIELD)
    assert incident[1].extra["field"].tolist() == [2.0]
    assert incident[torch.tensor([2, 0])].extra["gap"].tolist() == [-4.0, -1.0]
    assert torch.equal(incident.to("cpu").extra["field"], FIELD)
    joined = Incident.cat([incident[2], incident[:2]])
    assert joined.extra["field"].tolist() == [4.0, 1.0, 2.0]
    assert replace(incident, position=torch.ones(3, 3)).extra["gap"].tolist() == [-1, -2, -4]
    assert incident.only(["gap"]).extra.keys() == {"gap"}


def test_columns_of_showers_and_of_graphs() -> None:
    showers = Showers(
        points=torch.ones(3, 4),
        layer=torch.zeros(3, dtype=torch.int64),
        ptr=ptr_from_counts(torch.tensor([1, 0, 2])),
        incident=particles(field=FIELD),
    )
    assert showers[[2, 0]].incident.extra["field"].tolist() == [4.0, 1.0]
    back = from_pyg(to_pyg(showers))
    assert torch.equal(back.incident.extra["field"], FIELD)
    graphs = to_pyg(showers).to_data_list()
    assert graphs[2].incident_field.tolist() == [4.0]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"field": torch.tensor([1.0, float("nan"), 2.0])}, "shower 1: .*field.*finite"),
        ({"field": FIELD.double()}, "incident field: got .*float64, expected .*float32"),
        ({"field": FIELD[:2]}, r"incident field: got \(2,\)"),
        ({"pdg": FIELD}, "extra column pdg; expected another name"),
    ],
)
def test_wrong_columns_are_refused(extra: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        particles(**extra)


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match="no column gap; there are: field"):
        particles(field=FIELD).only(["field", "gap"])
    with pytest.raises(ValueError, match="some have a column field and some have not"):
        Incident.cat([particles(), particles(field=FIELD)])
