"""Traces as files, by their suffix, and back."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from pointcalo.programs.running import Program, open_program
from pointcalo.programs.tables import Table
from pointcalo.programs.torchscript import write_torchscript

TORCHSCRIPT, ONNX = ".pt", ".onnx"


def write(traced: torch.jit.ScriptModule, path: Path, inputs: Table, outputs: Table) -> None:
    """Write a traced program.

    Args:
        traced: the program.
        path: of the file, NAME.pt or NAME.onnx.
        inputs: of the program.
        outputs: of the program.

    Raises:
        ValueError: an operation that ONNX has not.
        ImportError: the library that writes such files is not installed.
    """
    if path.suffix == TORCHSCRIPT:
        write_torchscript(traced, path)
        return
    try:
        from pointcalo.programs.to_onnx import write_onnx
    except ImportError as error:
        raise ImportError("export: onnx is not installed: pip install 'pointcalo[onnx]'") from error
    write_onnx(traced, path, inputs, outputs)


def reopened(traced: torch.jit.ScriptModule, suffix: str, inputs: Table, outputs: Table) -> Program:
    """A traced program as it is read back from a file, which is not kept; see `write`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"program{suffix}"
        write(traced, path, inputs, outputs)
        return open_program(path)
