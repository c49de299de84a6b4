import pytest

from pointcalo.geometry import Cartesian, DetectorLayer, Geometry
from pointcalo.geometry.materials import MATERIALS, composition, material, mixture_name

ALLOY = "TungstenDens24 17.8 g/cm3 (W 0.93 Ni 0.061 Fe 0.009)"


@pytest.mark.parametrize(
    ("name", "radiation_mm", "moliere_mm", "critical_MeV"),
    [
        ("W", 3.504, 9.327, 7.97),
        ("Pb", 5.612, 16.02, 7.43),
        ("Cu", 14.36, 15.68, 19.42),
        ("Si", 93.70, 49.44, 40.19),
        ("Fe", 17.57, 17.19, 21.68),
        ("Al", 88.97, 44.19, 42.70),
        ("LAr", 140.0, 90.43, 32.84),
    ],
)
def test_elements_agree_with_the_tables_of_the_pdg(
    name: str, radiation_mm: float, moliere_mm: float, critical_MeV: float
) -> None:
    found = material(name)
    assert found.radiation_length_mm == pytest.approx(radiation_mm, rel=2e-3)
    assert found.moliere_radius_mm == pytest.approx(moliere_mm, rel=5e-3)
    assert found.critical_energy_MeV == pytest.approx(critical_MeV, rel=5e-3)


def test_a_mixture_lies_between_its_parts() -> None:
    mixture, copper, tungsten = material("CuW"), material("Cu"), material("W")
    expected = 1.0 / (0.25 / copper.radiation + 0.75 / tungsten.radiation)
    assert mixture.radiation == pytest.approx(expected)
    assert tungsten.radiation_length_mm < mixture.radiation_length_mm < copper.radiation_length_mm


def test_most_probable_losses_in_silicon() -> None:
    # The samples' thresholds are half of 0.086 and 0.150 MeV.
    silicon = material("Si")
    assert silicon.most_probable_loss(0.3) == pytest.approx(0.086, rel=0.05)
    assert silicon.most_probable_loss(0.5) == pytest.approx(0.150, rel=0.05)
    assert silicon.minimum_loss_per_mm == pytest.approx(0.388, rel=2e-3)


def test_depth_of_a_layer_by_hand() -> None:
    layer = DetectorLayer(
        segmentation=Cartesian(pitch_mm=5, nx=1, ny=1),
        z=10.0,
        absorber=(("W", 3.504), ("Pb", 5.612)),
        active=("Si", 0.937),
    )
    assert layer.radiation_lengths == pytest.approx(2.01, rel=2e-3)
    assert layer.thickness_mm == pytest.approx(3.504 + 5.612 + 0.937)
    assert 9.327 < layer.moliere_radius_mm < 16.02
    assert 7.43 < layer.critical_energy_MeV < 8.3
    assert layer.mip_MeV < layer.mip_mean_MeV


def test_gaps_count_as_often_as_they_are() -> None:
    calogan = Geometry.load("calogan").layers
    assert [layer.thickness_mm for layer in calogan] == [90.0, 348.0, 42.0]
    assert [layer.z for layer in calogan] == [45.0, 264.0, 459.0]
    assert calogan[1].mip_mean_MeV == pytest.approx(58 / 15 * calogan[0].mip_mean_MeV)


@pytest.mark.parametrize(("name", "depth"), [("hgcal", 23.0), ("ild", 24.4), ("clic", 22.9)])
def test_depths_of_whole_calorimeters(name: str, depth: float) -> None:
    layers = Geometry.load(name).layers
    assert sum(layer.radiation_lengths for layer in layers) == pytest.approx(depth, abs=0.1)


def test_an_unknown_material_lists_the_known() -> None:
    with pytest.raises(ValueError, match="unknown material 'Unobtainium'; known materials: AIR, "):
        material("Unobtainium")
    assert {"W", "Pb", "Cu", "Si", "STEEL", "CuW", "PCB", "AIR", "LAr", "BRASS"} <= set(MATERIALS)


def test_a_mixture_is_written_out_in_place_of_a_name() -> None:
    inverse = 0.93 / 6.76 + 0.061 / 12.68 + 0.009 / 13.84
    assert material(ALLOY).radiation_length_mm == pytest.approx(10.0 / 17.8 / inverse)
    assert material(ALLOY).density == 17.8
    layer = DetectorLayer(
        segmentation=Cartesian(pitch_mm=5, nx=1, ny=1),
        z=1.0,
        absorber=((ALLOY, 2.4),),
        active=("Si", 0.5),
    )
    assert layer.thickness_mm == 2.9


def test_the_name_of_a_mixture_reads_back() -> None:
    assert composition(ALLOY) == (17.8, {"W": 0.93, "Ni": 0.061, "Fe": 0.009})
    assert mixture_name("TungstenDens24", 17.8, {"W": 93.0, "Ni": 6.1, "Fe": 0.9}) == ALLOY
    assert composition("W") is None


def test_a_written_out_board_is_the_built_in_one() -> None:
    board = material("PCB 1.85 g/cm3 (Si 0.281 O 0.436 C 0.256 H 0.027)")
    built_in = MATERIALS["PCB"]
    assert board.radiation == pytest.approx(built_in.radiation)
    assert board.interaction == pytest.approx(built_in.interaction)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("A 2 g/cm3 (Xx 1)", "has Xx; known: H, C"),
        ("A 2 g/cm3 (W 93 Ni 7)", "fractions that add up to 1"),
        ("A 2 g/cm3 (W)", "is no mixture"),
        ("A -2 g/cm3 (W 1)", "is no mixture"),
        ("A nan g/cm3 (W 1)", "is no mixture"),
    ],
)
def test_a_faulty_mixture_is_named(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        material(name)


@pytest.mark.parametrize("name", [*MATERIALS, ALLOY])
def test_the_elements_make_the_whole_mass(name: str) -> None:
    assert sum(share for _, share in material(name).elements) == pytest.approx(1, abs=2e-6)


def test_elements_of_a_mixture_are_those_of_its_parts() -> None:
    assert dict(material("PCB").elements) == pytest.approx(
        {"Si": 0.281, "O": 0.436, "C": 0.256, "H": 0.027}
    )
