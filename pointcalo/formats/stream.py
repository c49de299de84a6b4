"""Batches of showers from files of any size, in bounded memory."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from pointcalo.formats.conventions import Conventions
from pointcalo.formats.opening import open_files
from pointcalo.formats.preparation import Preparation, check_centres, condition_units
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry
from pointcalo.showers import Showers, under_symmetry

SPLITS = {"train": (0, 7), "validation": (7, 8), "test": (8, 10), "all": (0, 10)}
BLOCK_POINTS = 1 << 18
BUFFER_POINTS = 1 << 23
CHECKED_SHOWERS = 10

Source = Showers | str | Path | Sequence[str | Path] | list[ShowerFile]

_LOG = logging.getLogger(__name__)


class ShowerStream:
    """Shuffled batches of one split of the showers of files, or of showers in memory.

    Files are read in blocks of neighbouring showers. An epoch takes the blocks in a random order,
    fills a buffer with them, shuffles the buffer and cuts it into batches; what fits the buffer
    as a whole is read once and kept. The order depends on (seed, epoch) only. With a geometry,
    points are projected to its cells and those below threshold dropped; `outside` and
    `below_threshold` say what share of the energy went. Showers can be augmented: each is put under
    a symmetry of the geometry, by random numbers of (seed, epoch, batch) only.

    Several processes see the same order: each global batch of world x batch showers is cut into
    equal parts, so that together they see what one process with that batch would.

    Args:
        source: file of any layout, glob pattern, several of them, opened files, or showers in
            memory.
        split: train, validation, test or all: by the number of a shower in its file modulo 10
            (0-6, 7, 8-9).
        share: of the split, the first showers of each file.
        batch: showers in a batch of this process; fewer where the split holds fewer.
        geometry: cells and thresholds; None leaves the points as they are.
        shuffle: False keeps the order of the files and the incomplete last batch (of which up to
            world - 1 showers are left out); True leaves the incomplete last batch out.
        seed: of the order.
        rank: number of this process.
        world: number of processes.
        augment: put each shower under a random symmetry of the geometry.
        conditions: names of the extra columns of incident particles that are kept.
        buffer_points: points held in memory at a time, while as many again are read.
        conventions: what files of foreign layouts do not say of themselves.

    Raises:
        ValueError: unknown split, empty split, files of another geometry or without a column that
            is a condition, or a file that cannot be used.
        OSError: a file that cannot be read, or a pattern that matches none.
    """

    def __init__(
        self,
        source: Source,
        *,
        batch: int,
        split: str = "train",
        share: float = 1.0,
        geometry: Geometry | None = None,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        augment: bool = False,
        conditions: Sequence[str] = (),
        buffer_points: int = BUFFER_POINTS,
        conventions: Conventions | None = None,
    ) -> None:
        if batch < 1 or not 0 <= rank < world:
            raise ValueError(f"stream: got batch {batch}, rank {rank} of {world} processes")
        if augment and geometry is None:
            raise ValueError("augment: got no geometry, whose symmetries it needs; pass one")
        self.sources = _open(source, conventions)
        self.units = condition_units(self.sources, conditions)
        if geometry is not None:
            for opened in self.sources:
                _check_geometry(opened, geometry)
        self.preparation = Preparation(geometry)
        self.geometry, self.augment = geometry, augment
        self.shuffle, self.seed, self.rank, self.world = shuffle, seed, rank, world
        self.buffer_points = buffer_points
        self.blocks = [block for opened in self.sources for block in _blocks(opened, split, share)]
        self.num_showers = sum(len(block) for block in self.blocks)
        if self.num_showers < world:
            total = sum(len(opened) for opened in self.sources)
            raise ValueError(
                f"split {split}: {self.num_showers} of {total} showers belong to it, expected at "
                f"least {world}: make more showers"
            )
        self.batch = min(batch, self.num_showers // world)
        self._resident: Showers | None = None

    @property
    def source(self) -> str:
        """Who made the showers of the first file, in words."""
        return self.sources[0].source

    @property
    def below_threshold(self) -> float:
        """Share of the energy on cells that was below threshold in what was read so far."""
        return self.preparation.below_threshold

    @property
    def outside(self) -> float:
        """Share of the energy outside every cell in what was read so far."""
        return self.preparation.outside

    def __len__(self) -> int:
        return len(self._batch_sizes())

    def __iter__(self) -> Iterator[Showers]:
        """Batches of epoch 0."""
        return self.epoch(0)

    def epoch(self, number: int, start: int = 0) -> Iterator[Showers]:
        """Batches of one epoch.

        Args:
            number: of the epoch; each has its own order.
            start: batches to skip, to go on where a run was interrupted.
        """
        return islice(self._cut(number, start), max(0, len(self) - start))

    def _batch_sizes(self) -> list[int]:
        whole, rest = divmod(self.num_showers, self.batch * self.world)
        sizes = [self.batch] * whole
        last = rest // self.world
        return sizes if self.shuffle or last == 0 else [*sizes, last]

    def _cut(self, epoch: int, start: int) -> Iterator[Showers]:
        """Cut what the buffers hold into the batches of this process from `start` on."""
        generator = torch.Generator().manual_seed(_seed(self.seed, epoch))
        sizes = self._batch_sizes()
        done = 0
        left: Showers | None = None
        for held in self._buffers(generator):
            pool = held if left is None else Showers.cat([left, held])
            order = self._permutation(len(pool), generator)
            used = 0
            while done < len(sizes) and used + sizes[done] * self.world <= len(pool):
                size, first = sizes[done], used + self.rank * sizes[done]
                used += size * self.world
                done += 1
                if done > start:
                    showers = pool[order[first : first + size]]
                    yield self._augmented(showers, epoch, done) if self.augment else showers
            left = pool[order[used:]] if done < len(sizes) else None

    def _augmented(self, showers: Showers, epoch: int, batch: int) -> Showers:
        generator = torch.Generator().manual_seed(_seed(self.seed, epoch, batch))
        size = len(self.geometry.symmetries), (self.world, len(showers))
        number = torch.randint(*size, generator=generator)[self.rank]
        return under_symmetry(showers, self.geometry, number)

    def _permutation(self, size: int, generator: torch.Generator) -> Tensor:
        if self.shuffle:
            return torch.randperm(size, generator=generator)
        return torch.arange(size)

    def _buffers(self, generator: torch.Generator) -> Iterator[Showers]:
        if self._resident is not None:
            yield self._resident
            return
        if sum(block.num_points for block in self.blocks) <= self.buffer_points:
            self._resident = self._read(self.blocks)
            self._report()
            yield self._resident
            return
        order = self._permutation(len(self.blocks), generator).tolist()
        groups: list[list[_Block]] = [[]]
        for block in (self.blocks[number] for number in order):
            together = sum(b.num_points for b in groups[-1]) + block.num_points
            if groups[-1] and together > self.buffer_points:
                groups.append([])
            groups[-1].append(block)
        with ThreadPoolExecutor(max_workers=1) as reader:  # HDF5 decompresses beside the training
            coming = reader.submit(self._read, groups[0])
            for following in [*groups[1:], None]:
                held = coming.result()
                if following is not None:
                    coming = reader.submit(self._read, following)
                yield held
        self._report()

    def _read(self, blocks: list[_Block]) -> Showers:
        parts = []
        for block in blocks:
            showers = self.preparation(block.source.read(block.numbers))
            parts.append(showers.replace(incident=showers.incident.only(self.units)))
        return Showers.cat(parts)

    def _report(self) -> None:
        _LOG.info(
            "showers %d, energy below threshold %.3g %%, outside every cell %.3g %%",
            self.num_showers,
            100 * self.below_threshold,
            100 * self.outside,
        )


class _InMemory:
    """Showers in memory, read like a file."""

    source = path = "showers in memory"
    together = 1

    def __init__(self, showers: Showers) -> None:
        self.showers = showers
        self.offset = showers.ptr
        self.extra_units = dict.fromkeys(showers.incident.extra, "")

    def __len__(self) -> int:
        return len(self.showers)

    def read(self, numbers: Tensor) -> Showers:
        return self.showers[numbers]


class _Block:
    """Neighbouring showers of one source that belong to the split."""

    def __init__(self, source: ShowerFile | _InMemory, numbers: Tensor) -> None:
        self.source = source
        self.numbers = numbers
        self.num_points = int((source.offset[numbers + 1] - source.offset[numbers]).sum())

    def __len__(self) -> int:
        return len(self.numbers)


def split_numbers(number: int, split: str, share: float = 1.0) -> Tensor:
    """Numbers of those among the first ``number`` showers that belong to a split, [K] int64.

    With a share, the first ones, as many (rounded up) as that share of them.

    Raises:
        ValueError: unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split: got {split!r}, expected one of {', '.join(SPLITS)}")
    first, last = SPLITS[split]
    numbers = torch.arange(number)
    numbers = numbers[(numbers % 10 >= first) & (numbers % 10 < last)]
    return numbers[: math.ceil(share * len(numbers))]


def _blocks(source: ShowerFile | _InMemory, split: str, share: float) -> list[_Block]:
    numbers = split_numbers(len(source), split, share)
    # What is stored together is decompressed together: a block ends where that does.
    start = source.offset[numbers - numbers % source.together]
    block = torch.div(start, BLOCK_POINTS, rounding_mode="floor")
    cuts = (block.diff() > 0).nonzero()[:, 0] + 1
    parts = torch.tensor_split(numbers, cuts)
    return [_Block(source, part) for part in parts if len(part)]


def _open(source: Source, conventions: Conventions | None) -> Sequence[ShowerFile | _InMemory]:
    if isinstance(source, Showers):
        return [_InMemory(source.to("cpu"))]
    if isinstance(source, list) and source and all(isinstance(s, ShowerFile) for s in source):
        return source
    return open_files(source, conventions)


def _check_geometry(source: ShowerFile | _InMemory, geometry: Geometry) -> None:
    if isinstance(source, ShowerFile):
        source.check_geometry(geometry)
        if source.points == "cells":
            check_centres(source.read(slice(0, CHECKED_SHOWERS)), geometry, str(source.path))


def _seed(*numbers: int) -> int:
    digest = hashlib.sha256(",".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:7], "big")
