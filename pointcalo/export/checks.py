"""Whether an exported file makes the showers of the model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pointcalo.export.drawn import NUMBERS, Drawn, Injected
from pointcalo.export.program import Program
from pointcalo.programs.running import open_program
from pointcalo.programs.tracing import trace
from pointcalo.programs.writers import reopened
from pointcalo.showers import Incident

BATCHES = (1, 3, 40)  # showers that a program is compared with
SPARED = 1  # of them: one whose random number lies so near to a decision that rounding takes it
TOLERANCE = 1e-5  # relative, of energies of layers and of hits
LARGEST = 1e-4  # of a hit
SHARES = {".safetensors": 1e-2}  # of hits that may differ by more than the tolerance: C++ has its
SHARE = 1e-3  # own exponentials and logarithms
INJECTED = 5  # calls with the same random numbers
CALLS = 20  # with those of the file's own
DEVIATIONS = 6.0  # standard errors by which means may differ
ENERGY = 2  # column of points


@torch.no_grad()
def check_showers(program: Program, path: Path, incident: Incident) -> str:
    """Compare the showers of a file with those of the program.

    Args:
        program: what was written.
        path: of the file.
        incident: particles, as many as the largest batch.

    Returns:
        What was found, in words.

    Raises:
        ValueError: other cells in more than one shower, energies of hits or layers that differ.
    """
    file, differences, others = open_program(path), [np.zeros(1)], 0
    for seed, size in enumerate(BATCHES):
        inputs = program.example(incident[:size], seed)
        own = [output.numpy() for output in program(*inputs)]
        read = file([x.numpy() for x in inputs])
        for number in range(size):
            a, b = (_shower(outputs, number) for outputs in (own, read))
            if not np.array_equal(a[0], b[0]):
                others += 1
                continue
            differences.append(np.abs(b[1] / a[1] - 1.0))
        layers = (_layers(outputs, program) for outputs in (own, read))
        if others <= SPARED and not np.allclose(*layers, rtol=TOLERANCE, atol=0.0):
            raise ValueError(
                "export: energies of the file's layers differ from the model's; nothing was written"
            )
    if others > SPARED:
        raise ValueError(
            f"export: {others} of {sum(BATCHES)} showers of the file have other cells than the "
            "model's; nothing was written"
        )
    found = np.concatenate(differences)
    share, largest = (found > TOLERANCE).mean(), found.max()
    if share > SHARES.get(path.suffix, SHARE) or largest > LARGEST:
        raise ValueError(
            f"export: {100 * share:.2g} % of the file's energies differ from the model's by more "
            f"than {TOLERANCE:g} of their value, the largest by {largest:.1g}; nothing was written"
        )
    return (
        f"cells equal in {sum(BATCHES) - others} of {sum(BATCHES)} showers, energies to "
        f"{largest:.1g} of their value"
    )


def _shower(outputs: list[np.ndarray], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Layers and cells ``[2, H]`` and energies ``[H]`` of a shower."""
    ptr, layer, cell, points = outputs
    hits = slice(ptr[number], ptr[number + 1])
    return np.stack([layer[hits], cell[hits]]), points[hits, ENERGY]


def _layers(outputs: list[np.ndarray], program: Program) -> np.ndarray:
    """Energies of the layers of each shower, ``[S, L]``."""
    ptr, layer, _, points = outputs
    num_layers = program.model.profile.geometry.num_layers
    shower = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    sums = np.zeros((len(ptr) - 1, num_layers))
    np.add.at(sums, (shower, layer), points[:, ENERGY])
    return sums


@torch.no_grad()
def check_drawn(program: Drawn, paths: Sequence[Path], inputs: tuple[Tensor, ...]) -> list[str]:
    """Compare files that draw their random numbers themselves with the program.

    First the same program with the numbers as an input, written and read in the same way, number by
    number; then the files, by the means of what they give.

    Args:
        program: what was written.
        paths: of the files.
        inputs: of a particle.

    Returns:
        What was found, in words, a line for each file.

    Raises:
        ValueError: answers that differ.
    """
    numbers = torch.rand(CALLS, NUMBERS, generator=torch.Generator().manual_seed(1))
    own = [program.answer(inputs, row).numpy() for row in numbers]
    injected = Injected(program)
    traced = trace(injected, (*inputs, numbers[0]))
    found = []
    for path in paths:
        same = reopened(traced, path.suffix, injected.inputs, injected.outputs)
        read = [same([x.numpy() for x in (*inputs, row)])[0] for row in numbers[:INJECTED]]
        right = sum(
            np.allclose(*pair, rtol=LARGEST, atol=LARGEST) for pair in zip(own, read, strict=False)
        )
        if right < INJECTED - SPARED:
            raise ValueError(
                f"export: {INJECTED - right} of {INJECTED} answers of {path.name} to the same "
                "random numbers differ from the model's; nothing was written"
            )
        apart = _means(program, path, inputs, own)
        found.append(
            f"{path.name}: {right} of {INJECTED} answers equal for the same random numbers, means "
            f"of {CALLS} calls within {apart:.1f} standard errors"
        )
    return found


def _means(
    program: Drawn, path: Path, inputs: tuple[Tensor, ...], own: Sequence[np.ndarray]
) -> float:
    """By how many standard errors the means of the file's answers differ from those of others.

    Raises:
        ValueError: by too many, or the file gives the same again and again.
    """
    file = open_program(path)
    answers = [file([x.numpy() for x in inputs])[0] for _ in range(CALLS)]
    samples = [np.stack([program.summary(a) for a in some]) for some in (answers, own)]
    means = [sample.mean(axis=0) for sample in samples]
    errors = [sample.std(axis=0) / np.sqrt(CALLS) for sample in samples]
    apart = (np.abs(means[0] - means[1]) / np.hypot(*errors).clip(1e-9)).max()
    if apart > DEVIATIONS or len(np.unique(samples[0], axis=0)) < CALLS // 2:
        raise ValueError(
            f"export: hits and energy of {CALLS} calls of {path.name} are {means[0].tolist()} on "
            f"average, of the model {means[1].tolist()}; nothing was written"
        )
    return float(apart)
