"""Features and separation powers of the CaloChallenge against numpy on the raw arrays of files."""

import json
import math
import runpy
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pointcalo.formats import open_showers, write
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing, layout_named
from pointcalo.geometry import Geometry
from pointcalo.showers import ENERGY, Showers
from pointcalo.simulation import ParametricSimulation, ParticleGun
from pointcalo.validation.calochallenge import Histogram, Voxels, features, histograms
from pointcalo.validation.metrics.distances import separation
from pointcalo.validation.metrics.estimate import Resampling
from pointcalo.validation.values import Values

TOOL = str(Path(__file__).parents[2] / "tools" / "calochallenge_metrics.py")
LOWEST = 0.5e-3 / 0.033
Array = NDArray[np.float64]


def electrons(number: int, seed: int, factor: float = 1.0) -> Showers:
    """Parametric electrons in data set 2, deposits divided by the sampling fraction."""
    geometry = Geometry.load("calochallenge_2")
    gun = ParticleGun.at(geometry, particle="electron", energy_GeV=(1.0, 50.0))
    showers = ParametricSimulation(geometry).simulate(gun.draw(number, seed=seed), seed=seed)
    points = showers.points.clone()
    points[:, ENERGY] *= factor / 0.033
    return showers.replace(points=points)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two files in the form of data set 2, the second with 5 % more energy."""
    folder = tmp_path_factory.mktemp("calochallenge")
    said = Conventions(geometry=Geometry.load("calochallenge_2"))
    for seed, name in enumerate(("reference", "generated")):
        showers = electrons(150 + 20 * seed, seed + 1, 1.0 + 0.05 * seed)
        outgoing = Outgoing(num_showers=len(showers), points="cells", source="parametric")
        layout = layout_named("calochallenge")
        layout.write(folder / f"{name}.hdf5", [showers[:70], showers[70:]], outgoing, said)
    return folder / "reference.hdf5", folder / "generated.hdf5"


def raw_features(path: Path) -> tuple[dict[str, Array], Array]:
    """Features by name [S] and all voxels, from the array of the file by its official order."""
    with h5py.File(path) as file:
        voxels = file["showers"][:].astype(float).reshape(-1, 45, 16, 9)
        incident = file["incident_energies"][:, 0].astype(float)
    named = {"response": voxels.sum((1, 2, 3)) / incident}
    alpha = -np.pi + np.pi / 8 * (np.arange(16) + 0.5)
    r = 4.65 * (np.arange(9) + 0.5)
    for layer in range(45):
        plane = voxels[:, layer]
        total = plane.sum((1, 2))
        named[f"energy_layer_{layer}"] = total
        named[f"sparsity_layer_{layer}"] = (plane == 0).sum((1, 2)) / 144
        for axis, along in (("eta", np.cos(alpha)), ("phi", np.sin(alpha))):
            where = along[:, None] * r
            with np.errstate(invalid="ignore"):
                centre = np.nan_to_num((plane * where).sum((1, 2)) / total)
                spread = (plane * (where - centre[:, None, None]) ** 2).sum((1, 2)) / total
            named[f"centre_{axis}_layer_{layer}"] = centre
            named[f"width_{axis}_layer_{layer}"] = np.nan_to_num(spread) ** 0.5
    return named, voxels.ravel()


def raw_edges(name: str, reference: Array) -> Array:
    """Bins as in the evaluation of the challenge."""
    if name == "response":
        return np.linspace(0.5, 1.5, 101)
    if name.startswith("sparsity"):
        return np.linspace(0, 1, 20)
    if name.startswith(("centre", "width")):
        return np.linspace(-30 if name.startswith("centre") else 0, 30, 101)
    number = 50 if name == "voxel_energy" else 40
    edges = np.logspace(np.log10(LOWEST), np.log10(reference.max()), number)
    edges[-1] = reference.max()
    return edges


def raw_separation(reference: Array, generated: Array, edges: Array) -> float:
    """From densities, as the challenge does."""
    first, second = (
        np.histogram(values, edges, density=True)[0] * np.diff(edges)
        for values in (reference, generated)
    )
    return 0.5 * float(((first - second) ** 2 / (first + second + 1e-16)).sum())


def test_features_are_those_of_the_raw_array(pair: tuple[Path, Path]) -> None:
    file = open_showers(pair[1])
    found = features(file, Voxels(Geometry.load(file.geometry_name)))
    expected, voxels = raw_features(pair[1])
    empty = expected["energy_layer_44"] == 0
    assert 0 < empty.sum() < len(empty)  # both kinds of layers are among them
    np.testing.assert_allclose(found.response, expected.pop("response"), rtol=1e-6)
    assert len(expected) == 45 * len(found.tables)
    for name, values in expected.items():
        kind, layer = name.split("_layer_")
        # a width is the root of a difference of squares: good to the root of their rounding
        atol = 1e-6 * (30 if kind.startswith("width") else 1)
        np.testing.assert_allclose(found.tables[kind][:, int(layer)], values, rtol=1e-6, atol=atol)
    assert found.highest_voxel == voxels.max()


def test_separations_are_those_of_the_raw_array(pair: tuple[Path, Path]) -> None:
    found = histograms(open_showers(pair[0]), open_showers(pair[1]))
    (first, voxels), (second, others) = map(raw_features, pair)
    first["voxel_energy"], second["voxel_energy"] = voxels, others
    assert set(found) == set(first)
    for name, histogram in found.items():
        edges = raw_edges(name, first[name])
        np.testing.assert_allclose(histogram.edges, edges, rtol=1e-12, err_msg=name)
        both = (first[name], second[name])
        if name.startswith("sparsity"):
            both = (1 - both[0], 1 - both[1])
        assert histogram.separation == pytest.approx(raw_separation(*both, edges), abs=1e-6), name
    assert found["response"].separation > 0.05  # 5 % more energy is seen


def test_a_file_against_itself(pair: tuple[Path, Path]) -> None:
    reference = open_showers(pair[0])
    assert all(found.separation == 0 for found in histograms(reference, reference).values())


def test_any_layout_of_points(pair: tuple[Path, Path], tmp_path: Path) -> None:
    reference = open_showers(pair[0])
    showers = reference.read()
    geometry = Geometry.load("calochallenge_2")
    made = {"geometry_name": geometry.name, "geometry_hash": geometry.hash, "source": "parametric"}
    points = showers.replace(cell=None)
    write(tmp_path / "points.h5", points, **made)
    found = histograms(reference, open_showers(tmp_path / "points.h5"))
    assert all(histogram.separation == 0 for histogram in found.values())
    aside = points.points.clone()
    aside[0, 0] = 50.0
    write(tmp_path / "aside.h5", points.replace(points=aside), **made)
    with pytest.raises(ValueError, match="outside every voxel: convert it to the layout caloch"):
        histograms(reference, open_showers(tmp_path / "aside.h5"))


def test_opposite_voxels(tmp_path: Path) -> None:
    """One voxel a shower: the centre is its middle, and the histograms share no bin."""
    for name, alpha in (("a", 0), ("b", 8)):
        voxels = np.zeros((3, 45, 16, 9), np.float32)
        voxels[:, 3, alpha, 5] = 900.0
        content = {"incident_energies": np.full((3, 1), 1000.0), "showers": voxels.reshape(3, -1)}
        with h5py.File(tmp_path / f"{name}.hdf5", "w") as file:
            for data_set, values in content.items():
                file[data_set] = values
    both = open_showers(tmp_path / "a.hdf5"), open_showers(tmp_path / "b.hdf5")
    tables = features(both[0], Voxels(Geometry.load("calochallenge_2"))).tables
    assert tables["centre_eta"][0, 3] == pytest.approx(-5.5 * 4.65 * math.cos(math.pi / 16))
    assert tables["centre_phi"][0, 3] == pytest.approx(-5.5 * 4.65 * math.sin(math.pi / 16))
    assert tables["width_eta"][0, 3] == pytest.approx(0, abs=1e-5)
    assert tables["sparsity"][0, 2:4].tolist() == [1, 1 - 1 / 144]
    found = histograms(*both)
    assert found["centre_eta_layer_3"].separation == 1
    assert found["centre_phi_layer_3"].separation == 1
    assert found["centre_eta_layer_2"].separation == found["response"].separation == 0
    # layers without energy are in no bin of their logarithm
    assert math.isnan(found["energy_layer_2"].separation)
    assert found["energy_layer_2"].outside == (1, 1)


def test_data_set_1(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    energy = 2.0 ** random.integers(8, 12, (200, 1))
    found = {}
    for number in (368, 533):
        voxels = random.exponential(size=(200, number)) * energy / number
        path = tmp_path / f"{number}.hdf5"
        with h5py.File(path, "w") as file:
            file["incident_energies"], file["showers"] = energy, voxels
        found[number] = histograms(open_showers(path), open_showers(path))
    photon, pion = found.values()
    layers = [name for name in photon if name.startswith("energy")]
    assert layers == [f"energy_layer_{number}" for number in (0, 1, 2, 3, 12)]
    # cut in alpha are layers 1 and 2 of both, 12 and 13 of pions
    assert [name for name in photon if "eta" in name and "centre" in name] == [
        "centre_eta_layer_1",
        "centre_eta_layer_2",
    ]
    assert pion["centre_phi_layer_12"].edges[[0, -1]].tolist() == [-500, 500]
    assert pion["width_phi_layer_13"].edges[[0, -1]].tolist() == [0, 400]
    assert pion["width_phi_layer_1"].edges[[0, -1]].tolist() == [0, 100]
    assert photon["response_4096_MeV"].edges[[0, -1]].tolist() == [0.9, 1.1]
    assert pion["response_4096_MeV"].edges[[0, -1]].tolist() == [0.4, 1.4]
    assert photon["response_256_MeV"].reference.sum() == (energy == 256).sum()
    assert math.isnan(photon["response_4096_MeV"].separation)


def test_generic_separation_on_the_same_edges() -> None:
    """Equal where nothing lies outside the bins, whichever sample reaches farther."""
    random = np.random.default_rng(2)
    edges = np.linspace(0, 10, 21)
    for low, high in ((0.3, 9.9), (3.3, 6.1)):
        reference, generated = random.uniform(low, high, 500), random.triangular(0.1, 4, 9.8, 700)
        counts = [np.histogram(values, edges)[0].astype(float) for values in (reference, generated)]
        expected = Histogram(edges, *counts, outside=(0, 0)).separation
        both = [Values.of_showers(torch.from_numpy(values)) for values in (reference, generated)]
        found = separation(*both, torch.from_numpy(edges), Resampling((500, 700), number=3))
        assert found.value == pytest.approx(expected, abs=1e-12)


def run_tool(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["calochallenge_metrics.py", *map(str, arguments)])
    runpy.run_path(TOOL, run_name="__main__")


def test_the_tool(
    pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_tool(monkeypatch, *pair, "--json", tmp_path / "powers.json")
    printed = capsys.readouterr().out
    assert "150 reference showers, 170 generated showers" in printed
    assert "| centre_eta_layer_N | 45 |" in printed
    rows = json.loads((tmp_path / "powers.json").read_text())
    power = rows["response"]["separation"]
    assert f"| response | 1 | {power:.3g} | {power:.3g} | response |" in printed
    assert len(rows) == 2 + 6 * 45


def test_other_geometries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Geometry.load("toy")
    gun = ParticleGun.at(toy, particle="electron", energy_GeV=5.0)
    showers = ParametricSimulation(toy).simulate(gun.draw(5, seed=1), seed=1)
    path = tmp_path / "toy.h5"
    write(path, showers, geometry_name="toy", geometry_hash=toy.hash, source="parametric")
    with pytest.raises(SystemExit, match="geometry 'toy', expected a public data set of the Calo"):
        run_tool(monkeypatch, path, path)
