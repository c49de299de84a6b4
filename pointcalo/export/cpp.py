"""A generator as tables, and beside them the program in C++ that reads them."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from pointcalo.models.base import LATENT_STREAM, Model
from pointcalo.programs.library import SOURCES
from pointcalo.programs.running import SOURCE
from pointcalo.sampling.compiled_engine import tables


def write_cpp(model: Model, path: Path) -> list[str]:
    """Write tables, and the sources beside them.

    Args:
        model: in evaluation mode, on the CPU.
        path: of the tables, NAME.safetensors.

    Returns:
        Names of the sources, from the folder of the tables on.

    Raises:
        ValueError: a model that the program has no code for.
    """
    if type(model).generate is not Model.generate:
        raise ValueError(
            f"format=cpp: got a {type(model).__name__}, expected a model without a post-processor; "
            "take format=onnx"
        )
    entries = tables(model.profile, model.generator, "format=cpp", "format=onnx")
    entries |= {name: value.double() for name, value in _latents(model).items()}
    path.write_bytes(save({name: value.contiguous() for name, value in entries.items()}))
    (path.parent / SOURCE).mkdir()
    sources = [*sorted(SOURCES.glob("*.hpp")), SOURCES / "generator.cpp"]
    for source in sources:
        shutil.copyfile(source, path.parent / SOURCE / source.name)
    return [f"{SOURCE}/{source.name}" for source in sources]


def _latents(model: Model) -> dict[str, Tensor]:
    """Normal kernels that latents are drawn from, as `Model.draw_latent` does."""
    memory = getattr(model, "memory", None)
    size = model.generator.latent
    normal = torch.zeros(1, size), torch.ones(size)
    centres, spread = normal if memory is None else memory.kernels()
    stream = torch.tensor(LATENT_STREAM)
    return {"latent_centres": centres, "latent_spread": spread, "latent_stream": stream}
