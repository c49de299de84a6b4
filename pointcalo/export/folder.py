"""A folder with a generator: the program, what it takes and gives, its weights and its origin."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save
from torch import Tensor

import pointcalo
from pointcalo.atomic import folder_beside
from pointcalo.export.loading import DESCRIPTION, VERSION, load
from pointcalo.export.program import INPUTS, OUTPUTS, Program
from pointcalo.export.torchscript import write_torchscript
from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.networks.cells import CellGenerator
from pointcalo.showers import Incident

WRITERS: dict[str, tuple[str, Callable[[Program, tuple[Tensor, ...], Path], None]]] = {
    "torchscript": ("generator.pt", write_torchscript),
}
"""Formats: name of the file, and what writes it."""

GEOMETRY = "geometry.yaml"
FRAME = (
    "local frame of the geometry: origin on its front face z = 0, z along the layers' normal into "
    "the detector, x and y along its lattice; energies are deposits on cells above threshold"
)
TRACED = 8  # showers that a program is traced with
BATCHES = (1, 3, 40)  # showers that it is compared with
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Origin:
    """What is known of a run.

    Args:
        run: its name.
        trained_on: who made its showers, in words.
        particles: ranges of what it was trained on; see `pointcalo.cli.trained_particles`.
        conditions: units of the extra columns, by name.
        licence: of the file, as its maker says; None: not said.
        figures: metrics of a validation, if there is one.
    """

    run: str
    trained_on: str
    particles: Mapping[str, Any]
    conditions: Mapping[str, str]
    licence: str | None
    figures: Mapping[str, Any]


def write_folder(
    path: str | Path,
    model: Model,
    incident: Incident,
    origin: Origin,
    kind: str,
) -> float:
    """Export a model; the folder appears when what was read back from it makes the same showers.

    Args:
        path: folder to make; an earlier one of its kind is replaced.
        model: in evaluation mode, on the CPU.
        incident: particles such as it is for, 40 or more.
        origin: what to record.
        kind: its format, torchscript.

    Returns:
        The largest relative difference of an energy between the file and the model.

    Raises:
        ValueError: an unknown format, a model that cannot be exported, or showers that differ.
        OSError: the folder cannot be written.
    """
    if kind not in WRITERS:
        raise ValueError(f"format: got {kind!r}, expected {' or '.join(WRITERS)}")
    _check_known(model)
    file, write = WRITERS[kind]
    geometry = model.profile.geometry
    program = Program(model, tuple(origin.conditions))
    with folder_beside(path, mark=DESCRIPTION) as folder:
        write(program, _inputs(program, incident[:TRACED], 1), folder / file)
        geometry.save(folder / GEOMETRY)
        (folder / "weights.safetensors").write_bytes(save(_weights(model)))
        (folder / "README.md").write_text(_card(origin, geometry), encoding="utf-8")
        described = _description(folder, file, kind, model, origin)
        text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
        return _compared(program, folder, incident)


def _check_known(model: Model) -> None:
    """Whether a model can be exported.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(model.generator, CellGenerator):
        raise ValueError(
            f"export: got a {type(model.generator).__name__}, expected a generator of cells "
            "(network=cells or graph)"
        )
    geometry = model.profile.geometry
    if geometry.lattice_tables() is None:
        raise ValueError(
            f"export: got geometry {geometry.name!r}, expected one whose layers are lattices of "
            "one kind"
        )


def _inputs(program: Program, incident: Incident, seed: int) -> tuple[Tensor, ...]:
    columns = [incident.column(name) for name in program.names]
    conditions = torch.stack(columns, 1) if columns else torch.zeros(len(incident), 0)
    particles = incident.energy, incident.direction, incident.position, incident.pdg
    return *particles, conditions, torch.tensor(seed), torch.tensor(0)


@torch.no_grad()
def _compared(program: Program, folder: Path, incident: Incident) -> float:
    """The largest relative difference of energies; the file is read as its users read it.

    Raises:
        ValueError: other cells, or energies that differ by more than 1e-5.
    """
    loaded, largest = load(folder), 0.0
    for seed, size in enumerate(BATCHES):
        inputs = _inputs(program, incident[:size], seed)
        own = dict(zip(OUTPUTS, program(*inputs), strict=True))
        read = loaded.run(dict(zip(INPUTS, (x.numpy() for x in inputs), strict=True)))
        for name in ("ptr", "layer", "cell"):
            if not torch.equal(own[name], torch.from_numpy(read[name])):
                raise ValueError(
                    f"export: of {size} showers the file's {name} differ from the model's; "
                    "nothing was written"
                )
        points = torch.from_numpy(read["points"])
        difference = (points - own["points"]).abs() / own["points"].abs().clamp_min(1e-3)
        largest = max(largest, float(difference[:, 2].max()) if len(points) else 0.0)
        sums = [
            torch.zeros(99).index_add(0, own["layer"], p[:, 2]) for p in (points, own["points"])
        ]
        same = torch.allclose(*sums, rtol=TOLERANCE, atol=0.0)
        if largest > TOLERANCE or not same:
            raise ValueError(
                f"export: energies of the file differ from the model's by {largest:.1g} of their "
                f"value, expected at most {TOLERANCE:g}; nothing was written"
            )
    return largest


def _weights(model: Model) -> dict[str, Tensor]:
    """Weights and fitted numbers of what makes showers."""
    parts = {"profile": model.profile, "generator": model.generator}
    parts |= {name: part for name, part in model.named_children() if name == "post_processor"}
    return {
        f"{name}.{key}": value.contiguous()
        for name, part in parts.items()
        for key, value in part.state_dict().items()
    }


def _description(
    folder: Path, file: str, kind: str, model: Model, origin: Origin
) -> dict[str, Any]:
    geometry, condition = model.profile.geometry, model.profile.condition
    return {
        "pointcalo_generator": VERSION,
        "format": kind,
        "file": file,
        "sha256": {name: _digest(folder / name) for name in (file, GEOMETRY)},
        "inputs": _table(INPUTS),
        "outputs": _table(OUTPUTS),
        "frame": FRAME,
        "geometry": {
            "name": geometry.name,
            "hash": geometry.hash,
            "file": GEOMETRY,
            "layer_z_mm": [layer.z for layer in geometry.layers],
            "layer_threshold_MeV": [layer.threshold for layer in geometry.layers],
            "layer_sampling_fraction": _sampling_fractions(geometry),
        },
        "pdg": [code for code in condition.pdg.tolist() if code],
        "particles": dict(origin.particles),
        "conditions": dict(origin.conditions),
        "run": origin.run,
        "trained_on": origin.trained_on,
        "licence": origin.licence,
        "made_by": f"pointcalo {pointcalo.__version__}",
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _table(rows: Mapping[str, tuple[str, list, str, str]]) -> list[dict[str, Any]]:
    keys = ("type", "shape", "unit", "what")
    return [{"name": name, **dict(zip(keys, row, strict=True))} for name, row in rows.items()]


def _sampling_fractions(geometry: Geometry) -> list[float] | None:
    """Of a minimum-ionising particle's loss in each layer the active material's share.

    A hit's energy over it is what the whole layer took; None where materials are not known.
    """
    if any(layer.active is None for layer in geometry.layers):
        return None
    return [float(f"{layer.sampling_fraction_mip:.6g}") for layer in geometry.layers]


def _card(origin: Origin, geometry: Geometry) -> str:
    """The model card, Markdown."""
    figures = [
        f"| {name} | {found['value']:.4g} ± {found['uncertainty'] or 0:.2g} | "
        f"{'-' if found.get('floor') is None else format(found['floor'], '.4g')} |"
        for name, found in origin.figures.items()
        if found.get("value") is not None
    ]
    table = "\n".join(["| metric | generated | floor |", "|---|---|---|", *figures])
    known = table if figures else "No validation was given (`report=FOLDER` of `pointcalo export`)."
    energy, angle = (origin.particles.get(name) for name in ("energy_GeV", "theta_deg"))
    return f"""# {origin.run}

A generator of calorimeter showers in the geometry `{geometry.name}` ({geometry.num_layers} layers,
{geometry.num_cells} cells), made by pointcalo {pointcalo.__version__}.

- Trained on: {origin.trained_on}
- Incident energies in GeV: {energy or "not recorded"}
- Angles to the normal in degrees: {angle or "not recorded"}
- Licence: {origin.licence or "not said"}
- Not meant for: particles outside these ranges, other detectors, showers near an edge of the
  detector (they keep all of their energy, on fewer cells).

`{DESCRIPTION}` names inputs, outputs, units and the frame. In Python:

    import pointcalo
    generator = pointcalo.load("FOLDER")
    showers = generator.sample(energy_GeV=[50, 50], direction=[0, 0, 1], seed=1)

## Validation

{known}
"""
