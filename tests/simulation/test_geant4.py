"""Showers from Geant4: from a stand-in everywhere, from Geant4 itself where it is installed."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from simulation.geant4_stand_in import install

from pointcalo.geometry import Geometry
from pointcalo.showers import Incident, Showers
from pointcalo.simulation import Geant4Simulation, ParametricSimulation, ParticleGun
from pointcalo.simulation.geant4.tables import find_tables

TOY = Geometry.load("toy")


def photons(number: int, **options: object) -> Incident:
    return ParticleGun(**{"energy_GeV": 2.0, "theta_deg": 10, **options}).draw(number, seed=1)


def same(one: Showers, other: Showers) -> bool:
    return torch.equal(one.ptr, other.ptr) and torch.equal(one.points, other.points)


def test_batches_and_processes_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path)
    with Geant4Simulation(TOY, processes=3) as several:
        whole = several.deposits(photons(12), seed=4)
    with Geant4Simulation(TOY) as alone:
        parts = [alone.deposits(photons(12)[n : n + 5], 4, first=n) for n in (0, 5, 10)]
        assert same(Showers.cat(parts), whole)
        assert not same(alone.deposits(photons(12), seed=5), whole)
        assert not same(alone.deposits(photons(12), seed=4, first=1), whole)
        cells = alone.simulate(photons(12), seed=4)
    assert torch.equal(cells.points, alone.projector(whole)[0].points)


def test_what_a_file_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path)
    with Geant4Simulation(TOY, cut_mm=0.1, field_T=(0, 0, 4)) as simulation:
        assert simulation.attributes == {
            "source": "Geant4 11.9.9 (geant4-pybind 0.9), G4EmStandardPhysics, cuts 0.1 mm, "
            "field (0.0, 0.0, 4.0) T, G4EMLOW8.8",
            "physics": "G4EmStandardPhysics",
            "cut_mm": 0.1,
            "field_T": (0.0, 0.0, 4.0),
        }


def test_physics_follows_the_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path)
    pions = photons(2, particle="pion-")
    assert Geant4Simulation(TOY).remark(photons(2)) is None
    remark = Geant4Simulation(TOY).remark(pions)
    assert remark.endswith("PDG number -211 ionise, but neither interact nor decay")
    with pytest.raises(ValueError, match="physics: FTFP_BERT is no class of electromagnetic"):
        Geant4Simulation(TOY, physics="FTFP_BERT")
    for name in ("G4PARTICLEXS4.2/neutron", "G4SAIDDATA2.0", "PhotonEvaporation6.1.2"):
        (tmp_path / "tables" / name).mkdir(parents=True)
    hadronic = Geant4Simulation(TOY)
    assert hadronic.setup.physics == "FTFP_BERT" and hadronic.remark(pions) is None


def test_mistakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path)
    with pytest.raises(ValueError, match=r"geant4.cut_mm: got -1; expected a number above 0"):
        Geant4Simulation(TOY, cut_mm=-1)
    with pytest.raises(ValueError, match=r"geant4.field_T: got \[4\]; expected three numbers"):
        Geant4Simulation(TOY, field_T=[4])
    with Geant4Simulation(TOY) as simulation:
        with pytest.raises(ValueError, match=r"starts at .* at most 1000 mm beside the cells"):
            simulation.deposits(photons(2, position=[5000, 0]), seed=1)
        with pytest.raises(ValueError, match="flies away from the layers of toy"):
            simulation.deposits(photons(2, theta_deg=None, direction=[0, 0, -1]), seed=1)
    monkeypatch.delenv("GEANT4_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"tables: none found; set GEANT4_DATA_DIR"):
        Geant4Simulation(TOY, download=False)


def test_a_download_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, tmp_path)
    monkeypatch.delenv("GEANT4_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    module = "from urllib.error import URLError\nraise URLError('no network')"
    (tmp_path / "modules/geant4_pybind.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    with pytest.raises(OSError, match=r"could not be downloaded \(urllib.error.URLError: .*no net"):
        Geant4Simulation(TOY)
    assert "about 2 GB, into ~/.geant4_pybind" in capfd.readouterr().err


def tables_here() -> bool:
    try:
        return find_tables() is not None
    except ValueError:
        return False


needs_geant4 = pytest.mark.skipif(
    importlib.util.find_spec("geant4_pybind") is None or not tables_here(),
    reason="needs geant4-pybind and Geant4's tables (GEANT4_DATA_DIR, G4LEDATA)",
)


@pytest.fixture(scope="module")
def real() -> Iterator[Geant4Simulation]:
    with Geant4Simulation(TOY, physics="G4EmStandardPhysics") as simulation:
        yield simulation


@needs_geant4
def test_geant4_agrees_with_the_parametric_simulation(real: Geant4Simulation) -> None:
    incident = photons(30)
    both = [s.simulate(incident, seed=2) for s in (real, ParametricSimulation(TOY))]
    visible = [float(showers.energy.sum()) for showers in both]
    assert visible[0] / visible[1] == pytest.approx(1, abs=0.15)
    assert real.attributes["source"].startswith("Geant4 11.")


@needs_geant4
def test_a_shower_of_geant4_is_the_same_in_any_batch(real: Geant4Simulation) -> None:
    whole = real.deposits(photons(6), seed=3)
    alone = real.deposits(photons(6)[4:5], seed=3, first=4)
    assert same(alone, whole[4])


@needs_geant4
def test_nothing_of_geant4_is_faster_than_light(real: Geant4Simulation) -> None:
    showers = real.deposits(photons(5, position=[3, -4]), seed=3)
    z = TOY.layer_z[showers.layer]
    way = torch.cat([showers.xy, z[:, None]], dim=1) - showers.incident.position[showers.index]
    # the time is that of the step's beginning, the place its middle, in 0.5 mm of silicon
    assert float((showers.points[:, 3] - way.norm(dim=1) / 299.792458).min()) > -0.01


@needs_geant4
def test_a_muon_ionises_every_layer_of_geant4(real: Geant4Simulation) -> None:
    photon = photons(1, energy_GeV=50.0, theta_deg=0)
    muon = Incident(photon.energy, photon.direction, photon.position, torch.tensor([13]))
    counts, energy = real.simulate(muon, seed=1).layer_sums(TOY.num_layers)
    assert bool((counts >= 1).all())
    mip = torch.tensor([layer.mip_MeV for layer in TOY.layers])
    assert 0.7 < float((energy[0] / mip).median()) < 2
    unknown = Incident(photon.energy, photon.direction, photon.position, torch.tensor([7777]))
    with pytest.raises(ValueError, match="no particle with PDG number 7777"):
        real.simulate(unknown, seed=1)


@needs_geant4
def test_the_field_bends_a_muon_in_geant4() -> None:
    photon = photons(150, energy_GeV=2.0, theta_deg=0, position=[0, 0])
    muon = Incident(photon.energy, photon.direction, photon.position, torch.full((150,), 13))
    physics = {"physics": "G4EmStandardPhysics", "field_T": (4.0, 0.0, 0.0)}
    with Geant4Simulation(TOY, **physics) as simulation:
        steps = simulation.deposits(muon, seed=1)
    last = steps.keep(steps.layer == TOY.num_layers - 1)
    x, y = torch.stack([last[n].xy.median(0).values for n in range(150) if last.counts[n]]).T
    z = float(TOY.layer_z[-1])
    # radius in m = p in GeV / (0.2998 B in T); a negative charge along z turns towards -y
    radius = 1e3 * 2.1 / (0.2998 * 4)
    # scattering moves one muon by about 2 mm
    assert float(y.median()) == pytest.approx(-(z**2) / (2 * radius), abs=0.5)
    assert abs(float(x.median())) < 0.5
