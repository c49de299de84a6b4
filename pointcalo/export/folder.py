"""A folder with a generator: the program, what it takes and gives, its weights and its origin."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save
from torch import Tensor, nn

import pointcalo
from pointcalo.atomic import folder_beside
from pointcalo.export.checks import check_drawn, check_showers
from pointcalo.export.cpp import write_cpp
from pointcalo.export.ddml import Ddml
from pointcalo.export.drawn import Drawn
from pointcalo.export.loading import DESCRIPTION, VERSION
from pointcalo.export.par04 import Par04
from pointcalo.export.program import Program
from pointcalo.geometry import Geometry
from pointcalo.models.base import Model
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.set_generator import SetGenerator
from pointcalo.programs.tables import Table
from pointcalo.programs.tracing import trace
from pointcalo.programs.writers import ONNX, TORCHSCRIPT, write
from pointcalo.showers import Incident

PROGRAMS = {
    "torchscript": "generator.pt",
    "onnx": "generator.onnx",
    "cpp": "generator.safetensors",
}
CONTRACTS: dict[str, Callable[[Model, int], Drawn]] = {
    "ddml": Ddml,
    "ddml_rows": partial(Ddml, stride=4),
    "par04": Par04,
}
"""Interfaces of other programs; a folder holds each as NAME.pt and NAME.onnx."""

FORMATS = (*PROGRAMS, *CONTRACTS)
GEOMETRY = "geometry.yaml"
FRAME = (
    "local frame of the geometry: origin on its front face z = 0, z along the layers' normal into "
    "the detector, x and y along its lattice; energies are deposits on cells above threshold"
)
IN_PYTHON = f"""`{DESCRIPTION}` names inputs, outputs, units and the frame. In Python:

    import pointcalo
    generator = pointcalo.load("FOLDER")
    showers = generator.sample(energy_GeV=[50, 50], direction=[0, 0, 1], seed=1)"""
TRACED = 8  # showers that a program is traced with


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
    pdg: int | None = None,
) -> list[str]:
    """Export a model; the folder appears when what was read back from it makes the same showers.

    Args:
        path: folder to make; an earlier one of its kind is replaced.
        model: in evaluation mode, on the CPU.
        incident: particles such as it is for, 40 or more.
        origin: what to record.
        kind: its format, one of `FORMATS`.
        pdg: the particle, in formats that name none; None: the only one.

    Returns:
        What the comparison found, a line each.

    Raises:
        ValueError: an unknown format, a model that cannot be exported, or showers that differ.
        ImportError: a library that the format needs is not installed.
        OSError: the folder cannot be written.
    """
    if kind not in FORMATS:
        raise ValueError(f"format: got {kind!r}, expected {', '.join(FORMATS)}")
    _check_known(model)
    if kind in PROGRAMS:
        program, names = Program(model, tuple(origin.conditions)), [PROGRAMS[kind]]
        example = program.example(incident[:TRACED])
    else:
        program = CONTRACTS[kind](model, _particle(model, origin, kind, pdg))
        names = [kind + suffix for suffix in (TORCHSCRIPT, ONNX)]
        angle = torch.acos(incident.direction[:, 2].median())
        example = program.example(float(incident.energy.median()) / 1e3, float(angle))
    with folder_beside(path, mark=DESCRIPTION) as folder:
        sources = []
        if kind == "cpp":
            sources = write_cpp(model, folder / names[0])
        else:
            traced = trace(program, example)
            for name in names:
                write(traced, folder / name, program.inputs, program.outputs)
        model.profile.geometry.save(folder / GEOMETRY)
        (folder / "weights.safetensors").write_bytes(save(_weights(model)))
        card = _card(origin, model.profile.geometry, kind)
        (folder / "README.md").write_text(card, encoding="utf-8")
        described = _description(folder, [*names, *sources], kind, program, model, origin)
        text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
        if kind in PROGRAMS:
            return [check_showers(program, folder / names[0], incident)]
        return check_drawn(program, [folder / name for name in names], example)


def _particle(model: Model, origin: Origin, kind: str, pdg: int | None) -> int:
    """The particle of a format that names none.

    Raises:
        ValueError: the model has conditions that the format does not know, or other particles.
    """
    if origin.conditions:
        raise ValueError(
            f"export: the run depends on {', '.join(origin.conditions)}, which format={kind} does "
            "not pass"
        )
    known = _particles(model)
    chosen = known if pdg is None else [pdg]
    if len(chosen) > 1 or chosen[0] not in known:
        raise ValueError(
            f"particle: got {pdg}, expected one of the run's, which format={kind} does not name: "
            f"{', '.join(map(str, known))}"
        )
    return chosen[0]


def _particles(model: Model) -> list[int]:
    return [code for code in model.profile.condition.pdg.tolist() if code]


def _check_known(model: Model) -> None:
    """Whether a model can be exported.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(model.generator, CellGenerator | SetGenerator):
        raise ValueError(
            f"export: got a {type(model.generator).__name__}, expected the generator of "
            "network=cells, graph, set or attention"
        )


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
    folder: Path, names: list[str], kind: str, program: nn.Module, model: Model, origin: Origin
) -> dict[str, Any]:
    geometry = model.profile.geometry
    return {
        "pointcalo_generator": VERSION,
        "format": kind,
        "file": names[0],
        "sha256": {name: _digest(folder / name) for name in (*names, GEOMETRY)},
        "inputs": _table(program.inputs),
        "outputs": _table(program.outputs),
        "frame": FRAME,
        "geometry": {
            "name": geometry.name,
            "hash": geometry.hash,
            "file": GEOMETRY,
            "layer_z_mm": [layer.z for layer in geometry.layers],
            "layer_threshold_MeV": [layer.threshold for layer in geometry.layers],
            "layer_sampling_fraction": _sampling_fractions(geometry),
        },
        "pdg": _particles(model) if kind in PROGRAMS else program.pdg.tolist(),
        "particles": dict(origin.particles),
        "conditions": dict(origin.conditions),
        "run": origin.run,
        "trained_on": origin.trained_on,
        "licence": origin.licence,
        "made_by": f"pointcalo {pointcalo.__version__}",
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _table(rows: Table) -> list[dict[str, Any]]:
    return [
        {"name": name, "type": kind, "shape": list(shape), "unit": unit, "what": what}
        for name, (kind, shape, unit, what) in rows.items()
    ]


def _sampling_fractions(geometry: Geometry) -> list[float] | None:
    """Of a minimum-ionising particle's loss in each layer the active material's share.

    A hit's energy over it is what the whole layer took; None where materials are not known.
    """
    if any(layer.active is None for layer in geometry.layers):
        return None
    return [float(f"{layer.sampling_fraction_mip:.6g}") for layer in geometry.layers]


def _card(origin: Origin, geometry: Geometry, kind: str) -> str:
    """The model card, Markdown."""
    figures = [
        f"| {name} | {found['value']:.4g} ± {found['uncertainty'] or 0:.2g} | "
        f"{'-' if found.get('floor') is None else format(found['floor'], '.4g')} |"
        for name, found in origin.figures.items()
        if found.get("value") is not None
    ]
    table = "\n".join(["| metric | generated | floor |", "|---|---|---|", *figures])
    known = table if figures else "No validation was given (`report=FOLDER` of `pointcalo export`)."
    use = (
        f"Files for the programs of `format={kind}`; `{DESCRIPTION}` says what they take and give."
    )
    if kind in PROGRAMS:
        use = IN_PYTHON
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

{use}

## Validation

{known}
"""
