import pytest
import torch

from pointcalo.geometry import DetectorLayer, Geometry
from pointcalo.geometry.materials import material
from pointcalo.simulation.stack import Stack, atomic_number


@pytest.fixture(scope="module")
def ild() -> Stack:
    return Stack.of(Geometry.load("ild"), 1)


def test_depths_are_sums_of_the_layers(ild: Stack) -> None:
    layers = Geometry.load("ild").layers
    total = sum(layer.radiation_lengths for layer in layers)
    assert float(ild.radiation[-1, 1]) == pytest.approx(total, rel=1e-9)
    interaction = sum(layer.interaction_lengths for layer in layers)
    assert float(ild.interaction[-1, 1]) == pytest.approx(interaction, rel=1e-9)
    silicon = 0.5 / material("Si").radiation_length_mm
    assert ild.radiation.diff(dim=1).flatten().tolist() == pytest.approx([silicon] * 30)


def test_medium_of_a_stack_of_tungsten(ild: Stack) -> None:
    # by hand for 2.1 W, 0.5 Si, 1.2 PCB, 0.4 air: t = 0.600 + 0.0053 + ..., weighted by t
    medium = ild.medium[torch.tensor([5])]
    assert float(medium.critical_energy) == pytest.approx(8.8, rel=0.05)
    assert float(medium.radiation_length) == pytest.approx(6.7, rel=0.05)
    assert float(medium.moliere) == pytest.approx(16.3, rel=0.05)
    assert 0.6 < float(medium.e_hat) < 0.8


@pytest.mark.parametrize(("name", "Z"), [("Pb", 82), ("W", 74), ("Cu", 29), ("Fe", 26), ("Si", 14)])
def test_atomic_number_from_the_critical_energy(name: str, Z: int) -> None:
    assert atomic_number(material(name)) == pytest.approx(Z, rel=0.05)


def test_thin_layers_see_the_loss_of_mips(ild: Stack) -> None:
    # in the same depth in X0 silicon loses this much more than the mixture
    m = material("Si")
    active = m.minimum_loss_per_mm * m.radiation_length_mm
    medium = ild.medium.loss_per_mm * ild.medium.radiation_length
    assert torch.allclose(ild.visible_radiation, active / medium)


def test_distance_and_depth(ild: Stack) -> None:
    assert torch.allclose(ild.distance(ild.radiation.mean(1)), ild.z)
    assert ild.at(torch.tensor([0.0, 1e9], dtype=torch.float64)).tolist() == [0, 29]
    assert torch.allclose(ild.radiation_depth(ild.interaction[:, 1]), ild.radiation[:, 1])


def test_several_gaps_read_as_one_layer_span_it() -> None:
    segmentation = Geometry.load("toy").layers[0].segmentation
    thin = [
        DetectorLayer(
            segmentation=segmentation, z=7.0 * n + 6, absorber=(("Pb", 5.0),), active=("LAr", 2.0)
        )
        for n in range(8)
    ]
    coarse = [
        DetectorLayer(
            segmentation=segmentation,
            z=28.0 * n + 14,
            absorber=(("Pb", 5.0),),
            active=("LAr", 2.0),
            gaps=4,
        )
        for n in range(2)
    ]
    fine, merged = Stack.of(Geometry("fine", thin), 1), Stack.of(Geometry("merged", coarse), 1)
    assert float(merged.radiation[0, 0]) == 0
    assert torch.allclose(merged.radiation[:, 1], fine.radiation[[3, 7], 1])
    assert merged.gaps.tolist() == [4, 4] and merged.gap.tolist() == [2.0, 2.0]
    # the same energy lost in the span leaves the same visible energy
    loss = merged.radiation.diff(dim=1)[:, 0] * merged.visible_radiation
    medium = merged.medium.loss_per_mm * merged.medium.radiation_length
    active = 4 * 2.0 * material("LAr").minimum_loss_per_mm
    assert torch.allclose(loss * medium, torch.full((2,), active, dtype=torch.float64))


def test_no_layers_on_the_other_side() -> None:
    assert Stack.of(Geometry.load("toy"), -1) is None
