"""Files for DDML and for Geant4's example Par04: these tests play the C++ that reads them."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from models.batches import OneBatch
from networks.showers import blobs

import pointcalo
from pointcalo.cli.main import main
from pointcalo.cli.run_directory import trained_model
from pointcalo.export.ddml import BUFFER, LAYERS, Ddml, merged
from pointcalo.export.drawn import BITS, NUMBERS, Drawn
from pointcalo.export.par04 import MESH, SIZE, Par04
from pointcalo.geometry import Geometry
from pointcalo.models import Model
from pointcalo.models.vae import VAE
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.profile import ProfileModel
from pointcalo.programs.running import open_program
from pointcalo.showers import Incident

LAYERS_OF_DDML = """
name: thirty
summary: thirty layers of squares of 5 mm
layers:
  - repeat: 30
    absorber: [[W, 2.1]]
    active: [Si, 0.5]
    threshold_MeV: 0.075
    segmentation: {type: cartesian, pitch_mm: 5, nx: 41, ny: 41}
"""


@pytest.fixture(scope="module")
def run(train: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thirty")
    geometry = folder / "thirty.yaml"
    geometry.write_text(LAYERS_OF_DDML)
    return train(folder / "run", f"geometry={geometry}", "simulation.theta_deg=[0,40]")


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return trained_model(run, "cpu")[0]


def _numbers(seed: int) -> torch.Tensor:
    return torch.rand(NUMBERS, generator=torch.Generator().manual_seed(seed))


def _floats(array: np.ndarray) -> list[float]:
    """The bytes of an answer as a C++ program reads them, from the first on."""
    raw = np.ascontiguousarray(array).tobytes()
    return [value for (value,) in struct.iter_unpack("<f", raw)]


def _ddml(output: list[float], stride: int) -> list[list[tuple[float, ...]]]:
    """The loops of CaloCloudsTwoAngleModel::convertOutput, by layers."""
    spacepoints: list[list[tuple[float, ...]]] = [[] for _ in range(LAYERS)]
    elements = 0
    for i in range(LAYERS):
        elements += int(output[stride * i]) * 4
    for i in range(stride * LAYERS, stride * LAYERS + elements, 4):
        spacepoints[int(output[i + 2])].append((-output[i], -output[i + 1], output[i + 3]))
    return spacepoints


def _hits_of(program: Drawn, energy_GeV: float, direction: list[float], seed: int) -> torch.Tensor:
    along = torch.nn.functional.normalize(torch.tensor([direction], dtype=torch.float32), dim=1)
    layer, xy, energy = program.hits(torch.tensor([energy_GeV]), along, _numbers(seed))
    return torch.cat([layer[:, None], xy, energy[:, None]], dim=1)


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 4])
def test_ddml_reads_the_hits_of_the_generator(model: Model, stride: int) -> None:
    program = Ddml(model, 22, stride)
    inputs = tuple(torch.tensor([[x]]) for x in (3.0, 20.0, -60.0))
    output = _floats(program.answer(inputs, _numbers(1)).numpy())
    theta, phi = np.radians([20.0, -60.0])
    direction = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
    hits = _hits_of(program, 3.0, direction, 1)
    read = _ddml(output, stride)
    for layer in range(LAYERS):
        own = hits[hits[:, 0] == layer]
        assert len(read[layer]) == len(own) == int(output[stride * layer])
        found = np.array(read[layer]).reshape(-1, 3)
        np.testing.assert_allclose(found, own[:, 1:] * torch.tensor([-1, -1, 1]), rtol=1e-5)
    assert len(hits) > 20 and len(output) == BUFFER
    assert not any(output[stride * LAYERS + 4 * len(hits) :])


@torch.no_grad()
def test_a_shower_begins_anywhere_in_a_cell(model: Model) -> None:
    program = Ddml(model, 22)
    inputs = tuple(torch.tensor([[x]]) for x in (3.0, 0.0, 0.0))
    offsets = []
    for seed in range(40):
        layers = _ddml(_floats(program.answer(inputs, _numbers(seed)).numpy()), 1)
        x_y = np.array([hit[:2] for layer in layers for hit in layer])
        phase = np.exp(2j * np.pi * x_y / 5.0).mean(axis=0)  # but for merged ones all the same
        assert np.abs(phase).min() > 0.8
        offsets.append(np.angle(phase) / (2 * np.pi))
    assert np.std(offsets, axis=0) == pytest.approx(12**-0.5, rel=0.3)


def test_more_hits_than_the_buffer_holds() -> None:
    generator = torch.Generator().manual_seed(1)
    layer = torch.arange(LAYERS).repeat_interleave(80)
    xy = torch.stack([5.0 * torch.arange(80.0).repeat(LAYERS), torch.zeros(80 * LAYERS)], dim=1)
    xy[::3, 0] += 2.0  # every third one is nearer to its neighbour
    energy = torch.rand(len(layer), generator=generator) + 0.1
    most = (BUFFER - LAYERS) // 4
    assert most == 1709
    found_layer, found_xy, found = merged(layer, xy, energy, most)
    assert len(found) == most
    sums = [
        torch.zeros(LAYERS).index_add(0, at, value)
        for at, value in ((layer, energy), (found_layer, found))
    ]
    torch.testing.assert_close(*sums)
    moments = [(x[:, 0] * e).sum() for x, e in ((xy, energy), (found_xy, found))]
    torch.testing.assert_close(*moments)
    gaps = found_xy[1:, 0] - found_xy[:-1, 0]
    assert gaps[found_layer[1:] == found_layer[:-1]].min() > 2.9
    same = merged(layer[:7], xy[:7], energy[:7], most)
    assert torch.equal(same[0], layer[:7])
    torch.testing.assert_close(same[1:], (xy[:7], energy[:7]))
    empty = merged(layer[:0], xy[:0], energy[:0], most)
    assert [len(part) for part in empty] == [0, 0, 0]


def _mesh_positions(theta: float, phi: float) -> np.ndarray:
    """Par04InferenceSetup::GetPositions from the entry point, ``[R * P * Z, 3]``."""
    turn_z = np.array([[np.cos(phi), -np.sin(phi), 0], [np.sin(phi), np.cos(phi), 0], [0, 0, 1]])
    turn_y = np.array(
        [[np.cos(theta), 0, np.sin(theta)], [0, 1, 0], [-np.sin(theta), 0, np.cos(theta)]]
    )
    positions = []
    for ring in range(MESH[0]):
        for sector in range(MESH[1]):
            for piece in range(MESH[2]):
                radius = (ring + 0.5) * SIZE[0]
                angle = (sector + 0.5) * 2 * np.pi / MESH[1] - np.pi
                at = radius * np.cos(angle), radius * np.sin(angle), (piece + 0.5) * SIZE[1]
                positions.append(turn_z @ turn_y @ np.array(at))
    return np.array(positions)


@torch.no_grad()
@pytest.mark.parametrize("theta", [1.57, 1.3, 1.9])
def test_par04_puts_energies_where_the_hits_are(model: Model, theta: float) -> None:
    program, phi = Par04(model, 22), 0.8
    condition = torch.tensor([[4.0, phi, theta, 1, 0, 0, 0, 0]])
    energies = np.array(_floats(program.answer((condition,), _numbers(2)).numpy()))
    hits = _hits_of(program, 4.0, [0.0, np.cos(theta), np.sin(theta)], 2).numpy()
    # a barrel about z: the layers' normal points away from it, at the azimuth of the particle
    outwards = np.array([np.cos(phi), np.sin(phi), 0.0])
    around, along = np.array([-np.sin(phi), np.cos(phi), 0.0]), np.array([0.0, 0.0, 1.0])
    depth = program.z.numpy()[hits[:, 0].astype(int)]
    places = depth[:, None] * outwards + hits[:, 1:2] * around + hits[:, 2:3] * along
    positions, momentum = _mesh_positions(theta, phi), np.sin(theta) * outwards
    momentum = momentum + np.cos(theta) * along
    lost = 0.0
    expected = np.zeros(len(positions))
    for place, energy in zip(places, hits[:, 3], strict=True):
        axial = place @ momentum
        radius = np.linalg.norm(place - axial * momentum)
        if radius > MESH[0] * SIZE[0] or not 0 <= axial < MESH[2] * SIZE[1]:
            lost += energy
            continue
        # of the cells of its ring and slice the one in its direction
        index = np.arange(len(positions)).reshape(MESH)
        index = index[int(radius / SIZE[0]), :, int(axial / SIZE[1])]
        centres = positions[index] - (positions[index] @ momentum)[:, None] * momentum
        nearest = index[np.argmax(centres @ (place - axial * momentum))]
        expected[nearest] += energy
    np.testing.assert_allclose(energies, 1e-3 * expected, rtol=1e-4, atol=1e-9)
    assert 1e3 * energies.sum() == pytest.approx(hits[:, 3].sum() - lost, rel=1e-5)
    assert np.count_nonzero(energies) > 10


@torch.no_grad()
def test_par04_passes_on_the_cells_of_its_own_mesh() -> None:
    mesh = Geometry.load("par04")
    torch.manual_seed(1)
    model = VAE(ProfileModel(mesh, width=16), CellGenerator(mesh, width=16, latent=4))
    model.prepare(OneBatch(blobs(mesh, 40)))
    program, numbers = Par04(model.eval(), 22), _numbers(5)
    answers = [
        program.answer((torch.tensor([[4.0, phi, theta, 1, 0, 0, 0, 0]]),), numbers).numpy()
        for phi, theta in ((0.8, 1.3), (-2.0, 1.9))
    ]
    origin, along = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]])
    incident = Incident(torch.tensor([4000.0]), along, origin, torch.tensor([22]))
    first, second, third = (numbers[:3] * 2.0**BITS).long().tolist()
    seed = (first * 2**BITS + second) * 2**BITS + third
    _, layer, cell, points = program.program(*program.program.example(incident, seed))
    expected = np.zeros(MESH)  # of r, phi and z: cells count phi first, then r, then z
    ring, sector = np.divmod(cell.numpy() % (MESH[0] * MESH[1]), MESH[1])
    expected[ring, sector, layer.numpy()] = 1e-3 * points[:, 2].numpy()
    for answer in answers:  # it lies about the momentum, whatever its direction
        np.testing.assert_allclose(answer.reshape(MESH), expected, rtol=1e-5, atol=0.0)
    assert np.count_nonzero(expected) == len(cell) > 10


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("kind", "inputs", "size"),
    [
        ("ddml", [np.array([[x]], dtype=np.float32) for x in (3.0, 20.0, 30.0)], BUFFER),
        ("par04", [np.array([[4, 0.1, 1.5, 1, 0, 0, 0, 0]], dtype=np.float32)], 9 * 16 * 45),
    ],
)
def test_exported_files(
    run: Path, export: Callable[..., Path], kind: str, inputs: list[np.ndarray], size: int
) -> None:
    folder = export(run, f"format={kind}")
    said = yaml.safe_load((folder / "generator.yaml").read_text())
    assert said["pdg"] == [22] and f"{kind}.onnx" in said["sha256"]
    for suffix in (".pt", ".onnx"):
        program = open_program(folder / f"{kind}{suffix}")
        answers = [program(inputs)[0] for _ in range(3)]
        assert all(answer.size == size and answer.dtype == np.float32 for answer in answers)
        assert not np.array_equal(answers[0], answers[1])
        assert all(np.isfinite(answer).all() for answer in answers)
    if kind == "par04":  # TorchScript gets a vector
        assert open_program(folder / "par04.pt")([inputs[0][0]])[0].size == size
    with pytest.raises(ValueError, match="which other programs load; expected torchscript or onnx"):
        pointcalo.load(folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["format=ddml", "particle=electron"], "particle: got 11, expected one of the run's"),
        (["format=par04", "particle=muon"], "unknown particle 'muon'"),
    ],
)
def test_mistakes(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert main(["export", f"run={run}", f"output={tmp_path / 'out'}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_number_of_layers(
    train: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = train(tmp_path / "toy")
    assert main(["export", f"run={toy}", f"output={tmp_path / 'out'}", "format=ddml"]) == 2
    assert "geometry 'toy' has 8 layers, expected the 30" in capsys.readouterr().err
