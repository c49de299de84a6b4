"""The compiled library with the weights of a profile model and a cell generator."""

import ctypes
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pointcalo.networks.candidates import near_tiers
from pointcalo.networks.cells import CellGenerator
from pointcalo.networks.order import NEAR as NEAR_OWN
from pointcalo.networks.profile import Profile, ProfileModel
from pointcalo.sampling.compiled.library import library
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
        check_known(profile, generator)
        entries = dict(_settings(generator)) | _near(generator)
        for name, network in (("profile", profile), ("generator", generator)):
            entries |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        self.profile, self.generator = profile, generator
        self._library = library()
        self._handle = ctypes.c_void_p(self._library.pointcalo_new())
        for name, value in entries.items():
            self._add(name, value)
        fault = self._library.pointcalo_build(self._handle)
        if fault is not None:
            raise ValueError(f"engine=compiled: {fault.decode()}; take engine=eager")

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._library.pointcalo_delete(self._handle)

    def profiles(self, incident: Incident, noise: Noise) -> tuple[Profile, Tensor]:
        """Profiles of S showers as of `ProfileModel.sample`, and which were made, bool [S]."""
        geometry, size = self.profile.geometry, len(noise)
        condition = self.profile.condition(incident)
        counts = torch.zeros(size, geometry.num_layers, dtype=torch.int64)
        profile = Profile(counts, torch.zeros(counts.shape), torch.zeros(size, 4))
        done = torch.zeros(size, dtype=torch.uint8)
        self._call(
            "profiles",
            *(size, noise.key, incident.energy, condition, condition.shape[1]),
            ShowerFrame(incident, geometry.layer_z).axis,
            *(profile.counts, profile.energy, profile.axis, done),
        )
        return profile, done.bool()

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

    def _add(self, name: str, value: Tensor | float) -> None:
        array = np.ascontiguousarray(torch.as_tensor(value).double().numpy())
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


def check_known(profile: ProfileModel, generator: nn.Module) -> None:
    """Whether the library has code for these networks and their geometry.

    Raises:
        ValueError: it has not.
    """
    if type(generator) is not CellGenerator:
        raise ValueError(
            f"engine=compiled: got a {type(generator).__name__}, expected the generator of "
            "network=cells; take engine=eager"
        )
    geometry = generator.geometry
    if geometry.lattice_tables() is None:
        raise ValueError(
            f"engine=compiled: got geometry {geometry.name!r}, expected one whose layers are "
            "lattices of one kind; take engine=eager"
        )
    wide = generator.context.network[-1].out_features
    if geometry.device.type != "cpu" or wide % (2 * VECTOR):
        raise ValueError(
            f"engine=compiled: got device {geometry.device} and width {wide // 2}, expected cpu "
            f"and a multiple of {VECTOR}; take engine=eager"
        )
    heads = profile.count_head, generator.energy.head, generator.time
    components = max(head[-1].out_features for head in heads) // 3
    if components > MOST_COMPONENTS:
        raise ValueError(
            f"engine=compiled: got {components} components of a mixture, expected at most "
            f"{MOST_COMPONENTS}; take engine=eager"
        )


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
