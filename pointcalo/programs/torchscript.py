"""A trace as TorchScript: one file that LibTorch loads."""

import zipfile
from pathlib import Path

import torch

RECORDED = ".debug_pkl"  # where the sources of operations lay on the machine that wrote the file


def write_torchscript(traced: torch.jit.ScriptModule, path: Path) -> None:
    """Write a traced program, without what names folders of this machine."""
    traced.save(str(path))
    beside = path.with_name(path.name + ".part")
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(beside, "w") as kept:
        for entry in file.infolist():
            if not entry.filename.endswith(RECORDED):
                kept.writestr(entry, file.read(entry))
    beside.replace(path)
