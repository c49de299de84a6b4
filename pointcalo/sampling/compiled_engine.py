"""Showers by a program in C++, compiled for the machine: the same ones as torch makes.

Torch takes most of its time for rows that go to and fro between memory and small operations. Here a
shower is made from beginning to end in the processor's cache, alone: it costs as much in a batch of
one as in a large one. Each file in C++ names the file of the networks that it follows.
"""

import ctypes
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pointcalo.networks.candidates import near_tiers
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.order import NEAR as NEAR_OWN
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.programs.library import SOURCES, library
from pointcalo.showers import Incident, ShowerFrame, Showers, ptr_from_counts
from pointcalo.showers.noise import Noise

VECTOR = 16  # floats: widths are multiples of it
MOST_COMPONENTS = 32
MOST_HITS = 2000  # of a layer; more are left to torch


class CompiledEngine:
    """Draws profiles and showers of networks as they are now; later changes do not reach it.

    Args:
        profile: the profile model.
        generator: the generator, of the same geometry.

    Raises:
        ValueError: networks or a geometry that the library has no code for.
        OSError: as `library`.
    """

    def __init__(self, profile: ProfileModel, generator: CellGenerator) -> None:
        entries = tables(profile, generator, "engine=compiled", "engine=eager")
        self.profile, self.generator = profile, generator
        self._library = library(SOURCES / "engine.cpp")
        self._library.pointcalo_new.restype = ctypes.c_void_p
        self._library.pointcalo_build.restype = ctypes.c_char_p
        self._handle = ctypes.c_void_p(self._library.pointcalo_new())
        for name, value in entries.items():
            self._add(name, value)
        fault = self._library.pointcalo_build(self._handle)
        if fault is not None:
            raise ValueError(f"engine=compiled: {fault.decode()}; take engine=eager")

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._library.pointcalo_delete(self._handle)

    def profiles(self, incident: Incident, noise: Noise) -> Profile:
        """Profiles of S showers as of `ProfileModel.sample`."""
        geometry, size = self.profile.geometry, len(noise)
        condition = self.profile.condition(incident)
        counts = torch.zeros(size, geometry.num_layers, dtype=torch.int64)
        profile = Profile(counts, torch.zeros(counts.shape), torch.zeros(size, 4))
        self._call(
            "profiles",
            *(size, noise.key, incident.energy, condition, condition.shape[1]),
            ShowerFrame(incident, geometry.layer_z).axis,
            *(profile.counts, profile.energy, profile.axis),
        )
        return profile

    def showers(
        self, latent: Tensor, incident: Incident, profile: Profile, noise: Noise
    ) -> tuple[Showers, Tensor]:
        """Showers as of the generator, and which were made, bool [S]: the others are nonsense."""
        geometry, size = self.generator.geometry, len(noise)
        frame = ShowerFrame(incident, geometry.layer_z)
        condition = self.generator.context.condition(incident)
        ptr = ptr_from_counts(profile.counts.sum(dim=1))
        num_points = int(ptr[-1])
        cell, layer = (torch.zeros(num_points, dtype=torch.int64) for _ in range(2))
        points, done = torch.zeros(num_points, 4), torch.zeros(size, dtype=torch.uint8)
        self._call(
            "showers",
            *(size, noise.key, condition, condition.shape[1], latent, latent.shape[1]),
            *(frame.axis, frame.tilt, incident.direction[:, 2]),
            *(profile.counts, profile.energy, profile.axis),
            *(ptr, cell, layer, points, done),
        )
        return Showers(
            points=points, layer=layer, ptr=ptr, incident=incident, cell=cell
        ), done.bool()

    def _add(self, name: str, value: Tensor) -> None:
        array = np.ascontiguousarray(value.numpy())
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        values = array.ctypes.data_as(ctypes.c_void_p)
        self._library.pointcalo_add(
            self._handle, name.encode(), values, shape, ctypes.c_int(array.ndim)
        )

    def _call(self, name: str, size: int, *arguments: Tensor | int) -> None:
        """Numbers and the addresses of tensors, on as many threads as torch has."""
        kept = [a.contiguous() if isinstance(a, Tensor) else a for a in arguments]
        passed = [
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor) else ctypes.c_int(a)
            for a in kept
        ]
        threads = ctypes.c_int(torch.get_num_threads())
        getattr(self._library, f"pointcalo_{name}")(
            self._handle, ctypes.c_int64(size), threads, *passed
        )


def tables(
    profile: ProfileModel, generator: nn.Module, asked: str, instead: str
) -> dict[str, Tensor]:
    """All that the library has to know: weights, settings and tables by name, in double precision.

    Args:
        profile: the profile model.
        generator: the generator.
        asked: what a message says was asked for.
        instead: what it says to take where that is not possible.

    Raises:
        ValueError: networks or a geometry that the library has no code for.
    """
    if fault := _unknown(profile, generator):
        raise ValueError(f"{asked}: {fault}; take {instead}")
    entries = dict(_settings(generator)) | _near(generator)
    for name, network in (("profile", profile), ("generator", generator)):
        entries |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    return {name: torch.as_tensor(value).double() for name, value in entries.items()}


def _unknown(profile: ProfileModel, generator: nn.Module) -> str | None:
    """What of these networks and their geometry the library has no code for, if anything."""
    if type(generator) is not CellGenerator:
        return f"got a {type(generator).__name__}, expected the generator of network=cells"
    geometry = generator.geometry
    if geometry.lattice_tables() is None:
        return f"got geometry {geometry.name!r}, expected one whose layers are lattices of one kind"
    if geometry.device.type != "cpu":
        return f"got device {geometry.device}, expected cpu"
    if any(width % VECTOR for width in generator.widths):
        widths = " and ".join(str(width) for width in sorted(set(generator.widths)))
        return f"got width {widths}, expected multiples of {VECTOR}"
    heads = profile.count_head, generator.energy.head, generator.time
    components = max(head[-1].out_features for head in heads) // 3
    if components > MOST_COMPONENTS:
        return f"got {components} components of a mixture, expected at most {MOST_COMPONENTS}"
    return None


def _settings(generator: CellGenerator) -> Mapping[str, Tensor | float]:
    geometry = generator.geometry
    return {
        "layer_z": geometry.layer_z,
        "layer_threshold": geometry.layer_threshold,
        "layer_start": geometry.layer_start,
        "layer_last_turn": geometry.layer_colours - 1,
        "num_layers": geometry.num_layers,
        "num_colours": geometry.num_colours,
        "several_sizes": generator.context.several_sizes,
        "sees_layer": "layer" in generator.sees,
        "sees_adjacent": "adjacent" in generator.sees,
        "num_conditions": generator.context.condition.size,
        "latent": generator.latent,
        "proposals": generator.proposals,
        **geometry.lattice_tables(),
    }


def _near(generator: CellGenerator) -> dict[str, Tensor]:
    """Which sites can be among the nearest cells that a layer looks at, by its hits."""
    tiers = near_tiers(generator.near, MOST_HITS)
    sizes = {str(number): size for number, (_, size) in enumerate(tiers)} | {"own": NEAR_OWN}
    return {
        "near_limits": torch.tensor([limit for limit, _ in tiers]),
        "near_sizes": torch.tensor([size for _, size in tiers]),
    } | {f"near.{name}": generator.geometry.near_sites(size) for name, size in sizes.items()}
