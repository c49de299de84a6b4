"""The command `pointcalo convert`: a file of showers in another layout."""

from collections.abc import Iterator
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from tqdm import tqdm

from pointcalo.cli.detector import given_geometry
from pointcalo.cli.reading import conventions, named_geometry
from pointcalo.formats import open_showers
from pointcalo.formats.hdf5 import faults_named
from pointcalo.formats.layouts import CLASSES, Layout, Outgoing, layout_named
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.formats.tables.columns import NOT_KEPT
from pointcalo.geometry import Geometry
from pointcalo.projection import CountingProjector, Projector, Resegmentation
from pointcalo.showers import Showers
from pointcalo.units import GeV


def run(config: DictConfig) -> None:
    """Convert one file.

    Args:
        config: keys of `configs/convert.yaml`.

    Raises:
        ValueError, OSError: the input cannot be used or the output not be written; one line.
    """
    layout = layout_to_write(config.format)
    geometry = given_geometry(config)
    if config.project and geometry is None:
        raise ValueError("project=true needs the cells: pass geometry=NAME")
    source = open_showers(config.input, conventions(config, geometry))
    if geometry is not None:
        source.check_geometry(geometry)
    target = None if config.resegment is None else Geometry.load(config.resegment)
    numbers = _numbers(config, source)
    projector = _projector(config, source, geometry, target)
    batches = Converted(source, numbers, geometry, config.batch, projector)
    outgoing = _outgoing(config, source, len(numbers), target)
    lost = layout.write(
        Path(config.output),
        batches,
        outgoing,
        conventions(config, target or geometry or named_geometry(source)),
    )
    print(f"{config.output}: {len(numbers)} showers, layout {config.format}{batches.report()}")
    if source.assumed:
        print(f"taken for granted: {'; '.join(source.assumed)}")
    lost = [*source.left_out, *lost, *not_held(layout, outgoing)]
    if lost:
        print(f"dropped: {'; '.join(lost)}")


def layout_to_write(name: str) -> Layout:
    """The layout that the key `format` names.

    Raises:
        ValueError: unknown.
    """
    if name not in CLASSES:
        raise ValueError(f"format: got {name!r}, expected one of {', '.join(CLASSES)}")
    return layout_named(name)


def not_held(layout: Layout, outgoing: Outgoing) -> list[str]:
    """Attributes and columns that a layout has no place for, one phrase each kind."""
    more = [] if layout.holds_attributes else sorted(set(outgoing.attributes) - set(NOT_KEPT))
    extra = [] if layout.holds_columns else [f"incident/{name}" for name in outgoing.extra_units]
    found = {"attributes": more, "columns": extra}
    return [f"{kind} {', '.join(names)}" for kind, names in found.items() if names]


class Converted:
    """Showers of a file, checked where a geometry is given and put on cells, with a progress bar.

    Args:
        source: file.
        numbers: of its showers, ``[K]``.
        geometry: the detector, which has the layers of all points; None: not known.
        batch: showers in memory at a time.
        projector: puts the points on cells; None: they stay as they are.
    """

    def __init__(
        self,
        source: ShowerFile,
        numbers: Tensor,
        geometry: Geometry | None,
        batch: int,
        projector: CountingProjector | None,
    ) -> None:
        self.source, self.numbers, self.geometry = source, numbers, geometry
        self.projector = projector
        self.batch = batch

    def __iter__(self) -> Iterator[Showers]:
        with tqdm(total=len(self.numbers), unit="shower", desc="convert", disable=None) as bar:
            for numbers in self.numbers.split(self.batch):
                showers = self.source.read(numbers)
                if self.geometry is not None:
                    with faults_named(self.source.path):
                        showers.check_layers(self.geometry.num_layers)
                yield showers if self.projector is None else self.projector(showers)
                bar.update(len(showers))

    def report(self) -> str:
        """What share of the energy was lost on the way to cells."""
        if self.projector is None or self.projector.energy == 0:
            return ""
        return f", {100 * self.projector.share:.3g} % of the energy outside every cell"


def _projector(
    config: DictConfig, source: ShowerFile, geometry: Geometry | None, target: Geometry | None
) -> CountingProjector | None:
    """What puts the points on the cells that are asked for; None where they stay as they are."""
    if target is None:
        return CountingProjector(Projector(geometry)) if config.project and geometry else None
    if config.project:
        raise ValueError("project=true and resegment: got both, expected one of them")
    geometry = geometry or named_geometry(source)
    if geometry is None:
        raise ValueError("resegment needs the geometry of the showers: pass geometry=NAME")
    cells = Resegmentation(geometry, target)
    return CountingProjector(cells if source.points == "cells" else Projector(target))


def _numbers(config: DictConfig, source: ShowerFile) -> Tensor:
    """Numbers of the showers that are asked for, ``[K]``."""
    if config.energy_GeV is None:
        return torch.arange(len(source))
    given = config.energy_GeV
    values = OmegaConf.to_container(given) if OmegaConf.is_list(given) else given
    numeric = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not (numeric and len(values) == 2 and values[0] < values[1]):
        raise ValueError(f"energy_GeV: got {values}, expected [low, high], low below high")
    energy = source.incident().energy / GeV
    numbers = ((energy >= values[0]) & (energy < values[1])).nonzero()[:, 0]
    if len(numbers) == 0:
        raise ValueError(
            f"energy_GeV: {config.input} has no shower of {values} GeV; it has "
            f"{float(energy.min()):.4g} to {float(energy.max()):.4g} GeV"
        )
    return numbers


def _outgoing(
    config: DictConfig, source: ShowerFile, num_showers: int, target: Geometry | None
) -> Outgoing:
    attributes = dict(source.attributes)
    if target and source.points == "cells":
        attributes["resegmented_from"] = source.geometry_name
    return Outgoing(
        num_showers=num_showers,
        points="cells" if config.project or target else source.points,
        source=config.source or source.source,
        geometry_name=target.name if target else source.geometry_name,
        geometry_hash=target.hash if target else source.geometry_hash,
        attributes=attributes,
        extra_units=source.extra_units,
        compression=config.compression,
    )
