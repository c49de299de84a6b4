"""A program as TorchScript: one file that LibTorch loads."""

import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from pointcalo.export.program import Program

RECORDED = ".debug_pkl"  # where the sources of operations lay on the machine that wrote the file


@torch.no_grad()
def write_torchscript(program: Program, inputs: tuple[Tensor, ...], path: Path) -> None:
    """Trace a program with some inputs and write it.

    Args:
        program: what to write.
        inputs: a few showers; others may be more or fewer.
        path: of the file.
    """
    program(*inputs)  # tables that are made when first needed are no part of the program
    with warnings.catch_warnings():
        # checks of inputs and numbers of layers are constants of the program
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(program, inputs, check_trace=False)
        traced.save(str(path))
    _forget_places(path)


def _forget_places(path: Path) -> None:
    """Leave out what names folders of this machine."""
    beside = path.with_name(path.name + ".part")
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(beside, "w") as kept:
        for entry in file.infolist():
            if not entry.filename.endswith(RECORDED):
                kept.writestr(entry, file.read(entry))
    beside.replace(path)
