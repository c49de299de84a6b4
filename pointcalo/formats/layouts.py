"""The layouts of files that are told apart, read and written, by name."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.showers import Showers


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """What is known of showers before they are written.

    Attributes:
        num_showers: how many batches hold together.
        points: what a row is: cells or deposits.
        source: who made them, in words.
        geometry_name: geometry that they were made in; may be empty.
        geometry_hash: its hash; may be empty.
        attributes: more attributes, for layouts that hold them; the last batch may add to them.
        extra_units: units of extra columns of incident particles, for layouts that hold them.
        compression: gzip, or lzf where the layout leaves the choice.
    """

    num_showers: int
    points: str
    source: str
    geometry_name: str = ""
    geometry_hash: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra_units: Mapping[str, str] = field(default_factory=dict)
    compression: str = "gzip"

    def check_number(self, written: int, path: Path) -> None:
        """Raise ValueError where other than the announced number of showers, or none, came."""
        if written != self.num_showers or written == 0:
            raise ValueError(
                f"{path}: {written} showers came, expected {self.num_showers}, at least 1"
            )


class Layout(ABC):
    """A layout of files of showers."""

    name: ClassVar[str]
    holds_attributes: ClassVar[bool] = False
    """Whether it keeps the attributes of a file that are not its own."""
    holds_columns: ClassVar[bool] = False
    """Whether it keeps extra columns of incident particles."""

    @abstractmethod
    def claims(self, contents: Contents) -> bool:
        """Whether a file is of this layout, by what lies in it."""

    @abstractmethod
    def open(self, path: Path, conventions: Conventions) -> ShowerFile:
        """A file to read, checked.

        Raises:
            OSError, ValueError: it cannot be used, or the user must say more; one line.
        """

    @abstractmethod
    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Write a file batch by batch, complete or not at all.

        Returns:
            what the layout cannot hold and the showers had, one phrase each.

        Raises:
            OSError, ValueError: it cannot be written; one line.
        """


CLASSES = {
    "pointcalo": "native.file.Native",
    "lemurs": "points.lemurs.Lemurs",
    "showerdata": "points.showerdata.ShowerData",
    "calochallenge": "voxels.calochallenge.CaloChallenge",
    "par04": "voxels.par04.Par04",
    "hgcal_challenge": "voxels.hgcal_challenge.HGCalChallenge",
    "getting_high": "voxels.getting_high.GettingHigh",
    "ild_hadrons": "voxels.getting_high.Hadrons",
    "two_angle": "voxels.two_angle.TwoAngle",
    "caloclouds": "points.caloclouds.CaloClouds",
    "caloclouds_grid": "voxels.caloclouds_grid.CaloCloudsGrid",
    "calogan": "voxels.calogan.CaloGAN",
    "3dgan": "voxels.gan3d.GAN3D",
    "3dgan_angle": "voxels.gan3d.GAN3DAngle",
    "edm4hep": "edm4hep.file.EDM4hep",
    "root": "tables.root.Root",
    "parquet": "tables.parquet.Parquet",
}
"""Module and class of each layout; a file is offered to them in this order."""


def layout_named(name: str) -> Layout:
    """The layout of that name.

    Raises:
        ValueError: unknown.
    """
    if name not in CLASSES:
        raise ValueError(f"layout: got {name!r}, expected one of {', '.join(CLASSES)}")
    module, _, attribute = CLASSES[name].rpartition(".")
    return getattr(importlib.import_module(f"pointcalo.formats.{module}"), attribute)()


def layout_of(path: str | Path) -> Layout:
    """The layout of a file by what lies in it.

    Raises:
        OSError: not there, no permission, damaged.
        ValueError: of no layout that is known.
    """
    contents = Contents.of(path)
    for name in CLASSES:
        layout = layout_named(name)
        if layout.claims(contents):
            return layout
    found = ", ".join(sorted(contents.shapes)[:8]) or "nothing known"
    raise ValueError(
        f"{path}: no file of showers in a layout that is known ({', '.join(CLASSES)}); found "
        f"{found}"
    )
