"""Run an exported generator: numpy, yaml and the runtime of its format are all it takes."""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pointcalo.programs.running import open_program

DESCRIPTION = "generator.yaml"
VERSION = 1
FORMATS = ("torchscript", "onnx", "cpp")
OUTSIDE = ("warn", "error")
PDG = {"photon": 22, "electron": 11, "positron": -11, "pion+": 211, "pion-": -211}
SLACK = 0.02  # of the training's range (of energies: of their logarithms), and
LITTLE = 1e-3  # of a number: nearer is not outside


@dataclass(frozen=True)
class GeneratedShowers:
    """S showers with P hits on cells, in the frame of the geometry.

    Attributes:
        ptr: Hits of shower s are ptr[s] to ptr[s + 1], int64 [S + 1].
        layer: Detector layer, int64 [P].
        cell: Number of the cell in the geometry, int64 [P].
        x, y: Centre of the cell in mm, float32 [P].
        energy: MeV, float32 [P].
        time: ns, float32 [P].
    """

    ptr: np.ndarray
    layer: np.ndarray
    cell: np.ndarray
    x: np.ndarray
    y: np.ndarray
    energy: np.ndarray
    time: np.ndarray

    def __len__(self) -> int:
        return len(self.ptr) - 1


class Generator:
    """An exported generator.

    Args:
        folder: as `pointcalo export` writes it.
        outside: what to do with particles outside the training's range: warn, or error.

    Attributes:
        description: what `generator.yaml` holds.

    Raises:
        ValueError: not such a folder, or a file in it is damaged.
        OSError: it cannot be read.
    """

    def __init__(self, folder: str | Path, outside: str = "warn") -> None:
        if outside not in OUTSIDE:
            raise ValueError(f"outside: got {outside!r}, expected {' or '.join(OUTSIDE)}")
        self.outside = outside
        self.description = _described(Path(folder))
        self._program = open_program(Path(folder, self.description["file"]))

    def sample(
        self,
        energy_GeV: float | Sequence[float],
        *,
        direction: Sequence[float] | Sequence[Sequence[float]] = (0.0, 0.0, 1.0),
        position: Sequence[float] | Sequence[Sequence[float]] = (0.0, 0.0),
        particle: str | int = "photon",
        conditions: Mapping[str, float | Sequence[float]] | None = None,
        seed: int = 1,
        first: int = 0,
    ) -> GeneratedShowers:
        """Generate showers.

        Args:
            energy_GeV: kinetic energy of each incident particle, one or S.
            direction: of the momentum, of any length, [3] or [S, 3].
            position: where the axis crosses the face z = 0, mm, [2], [3], [S, 2] or [S, 3].
            particle: name, or number of the Particle Data Group.
            conditions: numbers for each of the conditions, one or S.
            seed: of the random numbers.
            first: number of the first shower: shower n of a seed is always the same.

        Raises:
            ValueError: no particle, a number that makes no sense, an unknown particle; a particle
                outside the training's range where `outside` is error.
        """
        energy = 1e3 * np.atleast_1d(np.asarray(energy_GeV, dtype=np.float64))
        if energy.ndim != 1 or len(energy) == 0 or not (np.isfinite(energy) & (energy > 0)).all():
            raise ValueError(
                f"energy_GeV: got {energy_GeV}, expected positive numbers, at least one"
            )
        size = len(energy)
        along = _rows("direction", direction, size, (3,))
        length = np.linalg.norm(along, axis=1, keepdims=True)
        if not (length > 0).all() or not (along[:, 2] != 0).all():
            raise ValueError(f"direction: got {direction}, expected one that crosses the layers")
        along = along / length
        where = _rows("position", position, size, (2, 3))
        if where.shape[1] == 2:
            where = np.concatenate([where, np.zeros((size, 1))], axis=1)
        pdg = PDG.get(particle, particle)
        known = self.description["pdg"]
        if pdg not in known:
            names = [name for name, number in PDG.items() if number in known] or known
            raise ValueError(f"particle: got {particle!r}, expected {' or '.join(map(str, names))}")
        columns = self._conditions(conditions or {}, size)
        self._check_ranges(energy / 1e3, along, columns)
        result = self.run(
            {
                "energy": energy.astype(np.float32),
                "direction": along.astype(np.float32),
                "position": where.astype(np.float32),
                "pdg": np.full(size, pdg, dtype=np.int64),
                "conditions": columns.astype(np.float32),
                "seed": np.asarray(seed, dtype=np.int64),
                "first": np.asarray(first, dtype=np.int64),
            }
        )
        x, y, deposited, time = np.ascontiguousarray(result["points"].T)
        hits = result["ptr"], result["layer"], result["cell"]
        return GeneratedShowers(*hits, x, y, deposited, time)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The program itself: inputs and outputs as `generator.yaml` lists them."""
        arrays = [inputs[entry["name"]] for entry in self.description["inputs"]]
        names = [entry["name"] for entry in self.description["outputs"]]
        return dict(zip(names, self._program(arrays), strict=True))

    def _conditions(self, given: Mapping[str, float | Sequence[float]], size: int) -> np.ndarray:
        names = list(self.description["conditions"])
        if set(given) != set(names):
            raise ValueError(
                f"conditions: got {', '.join(sorted(given)) or 'none'}, expected "
                f"{', '.join(names) or 'none'}"
            )
        columns = [_rows(name, given[name], size, ()) for name in names]
        return np.stack(columns, axis=1) if columns else np.zeros((size, 0))

    def _check_ranges(self, energy: np.ndarray, along: np.ndarray, columns: np.ndarray) -> None:
        """Say, or refuse, what lies outside the particles of the training."""
        trained = self.description["particles"]
        if not trained:
            return
        angle = np.degrees(np.arccos(np.clip(along[:, 2], -1.0, 1.0)))
        rows = [
            ("energy", "GeV", np.log(energy), np.log(trained["energy_GeV"]), trained["energy_GeV"]),
            ("angle to the normal", "degrees", angle, trained["theta_deg"], trained["theta_deg"]),
        ]
        for number, (name, known) in enumerate(trained["conditions"].items()):
            rows.append((name, known["unit"], columns[:, number], known["range"], known["range"]))
        for name, unit, values, (low, high), limits in rows:
            slack = SLACK * (high - low) + LITTLE * max(abs(low), abs(high))
            beyond = (values < low - slack) | (values > high + slack)
            if beyond.any():
                text = (
                    f"{int(beyond.sum())} of {len(values)} particles lie outside the training: "
                    f"{name} of {limits[0]:.4g} to {limits[1]:.4g} {unit}"
                ).rstrip()
                if self.outside == "error":
                    raise ValueError(text)
                warnings.warn(text, stacklevel=3)


def load(folder: str | Path, outside: str = "warn") -> Generator:
    """An exported generator; see `Generator`."""
    return Generator(folder, outside)


def _rows(name: str, value: Any, size: int, widths: tuple[int, ...]) -> np.ndarray:
    """Numbers [size] or [size, width]; one row stands for all.

    Raises:
        ValueError: another shape, or numbers that are not finite.
    """
    array = np.asarray(value, dtype=np.float64)
    depth = 1 if widths else 0
    if array.ndim == depth:
        array = np.broadcast_to(array, (size, *array.shape))
    right = array.ndim == depth + 1 and len(array) == size and np.isfinite(array).all()
    if not right or (widths and array.shape[1] not in widths):
        expected = f"{' or '.join(map(str, widths))} numbers" if widths else "a number"
        raise ValueError(f"{name}: got {value}, expected {expected}, once or for each of {size}")
    return array


def _described(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no {DESCRIPTION} in it; expected an exported generator")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged, it is no YAML; export again") from error
    if not isinstance(found, dict) or found.get("pointcalo_generator") != VERSION:
        raise ValueError(f"{path}: not of an exported generator of version {VERSION}")
    if found["format"] not in FORMATS:
        raise ValueError(
            f"{path}: format {found['format']!r}, which other programs load; expected "
            f"{' or '.join(FORMATS)}"
        )
    for name, digest in found["sha256"].items():
        part = folder / name
        if not part.is_file():
            raise FileNotFoundError(f"{part}: missing; expected it beside {DESCRIPTION}")
        if hashlib.sha256(part.read_bytes()).hexdigest() != digest:
            raise ValueError(f"{part}: damaged, or not the file that was exported; export again")
    return found
