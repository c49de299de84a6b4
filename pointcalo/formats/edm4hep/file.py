"""EDM4hep files: hits of chosen collections, from the global frame to that of a stave or an end.

The geometry says where the detector stands (`placement`). An event is a shower: its particle is
the only one of generator status 1, flies straight on to the face, and only hits behind the face
that it enters are kept.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pointcalo import units
from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.edm4hep.cell_id import CellID
from pointcalo.formats.edm4hep.cells import (
    NAME,
    cell_id_of,
    check_slots,
    placement_of,
    stave_field,
)
from pointcalo.formats.edm4hep.events import (
    METADATA,
    PARTICLE,
    PARTICLES,
    PRIMARY,
    XYZ,
    Events,
    Hits,
)
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.formats.tables.lists import equal_counts
from pointcalo.formats.tables.root_files import root_file
from pointcalo.showers import Incident, ShowerError, Showers, ptr_from_counts

BLOCK = 1000  # events whose particles are in memory


class EDM4hepFile(ShowerFile):
    """An EDM4hep file to read.

    Args:
        path: file.
        conventions: geometry, collections, rows (cells: hits; deposits: what made them).

    Raises:
        OSError, ValueError: the file cannot be used, or the user must say more; one line.
    """

    layout: ClassVar[str] = "edm4hep"
    assumed = ("straight flight of the particles to the face",)

    def __init__(self, path: Path, conventions: Conventions) -> None:
        geometry = conventions.need_geometry(NAME)
        super().__init__(path, geometry)
        self.geometry = geometry
        self.placement = placement_of(conventions)
        self.points, self.source = conventions.rows, f"{NAME} file {path.name}"
        self.events = Events(path)
        if not self.events.has(*(f"{PARTICLES}.{member}" for member in PARTICLE)):
            raise ValueError(f"{path}: no {NAME} file, lacks the collection {PARTICLES}")
        if self.events.number == 0:
            raise ValueError(f"{path}: holds no showers")
        self.cells = self._fields(_collections(self.events, conventions), conventions)
        self._check_deposits()
        self._energy = self._elsewhere = 0.0

    def __len__(self) -> int:
        return self.events.number

    @property
    def left_out(self) -> tuple[str, ...]:  # type: ignore[override]
        """What share of the energy that was read so far is behind other faces."""
        if self._elsewhere == 0:
            return ()
        share = 100 * self._elsewhere / self._energy
        return (f"{share:.3g} % of the energy, behind other faces of the detector",)

    def incident(self) -> Incident:
        """The incident particles of all showers."""
        parts = [self._block(first) for first in range(0, len(self), BLOCK)]
        return Incident.cat(parts)

    def _block(self, first: int) -> Incident:
        try:
            return self._incident(first, min(first + BLOCK, len(self)))[0]
        except ShowerError as error:
            number = first + error.shower
            raise ValueError(f"{self.path}: shower {number}: {error.fault}") from None

    def _rows(self, first: int, last: int) -> Showers:
        incident, face = self._incident(first, last)
        deposits = self.points == "deposits"
        hits = {name: self.events.hits(name, first, last, deposits) for name in self.cells}
        check_slots(self.path, self.cells, hits)
        self._check_positions(hits)
        events, points, layers = [], [], []
        for name, found in hits.items():
            event, kept = torch.from_numpy(found.event), self._here(name, found, face)
            position = torch.from_numpy(found.position.astype(np.float64))[kept]
            local = self.placement.to_local(position, face[event[kept]])
            energy = torch.from_numpy(found.energy.astype(np.float64)) * units.GeV
            time = torch.from_numpy(found.time.astype(np.float64))[kept]
            self._energy += float(energy.sum())
            self._elsewhere += float(energy[~kept].sum())
            points.append(torch.column_stack((local[:, :2], energy[kept], time)).float())
            layers.append(self._layer(name, found, kept))
            events.append(event[kept])
        event = torch.cat(events)
        order = torch.argsort(event, stable=True)
        return Showers(
            points=torch.cat(points)[order],
            layer=torch.cat(layers)[order],
            ptr=ptr_from_counts(torch.bincount(event, minlength=last - first)),
            incident=incident,
        )

    def _incident(self, first: int, last: int) -> tuple[Incident, Tensor]:
        """Incident particles of some showers in their local frames, and the faces they enter."""
        columns = self.events.read([f"{PARTICLES}.{m}" for m in PARTICLE], first, last)
        equal_counts(columns)
        status = columns[f"{PARTICLES}.generatorStatus"]
        primary = np.flatnonzero(status.values == PRIMARY)
        number = np.bincount(status.row[primary], minlength=last - first)
        if (number != 1).any():
            wrong = int(np.flatnonzero(number != 1)[0])
            raise ShowerError(
                wrong,
                f"{number[wrong]} particles of generator status {PRIMARY}, expected one: "
                "an event must be one shower",
            )
        value = {
            member: torch.from_numpy(columns[f"{PARTICLES}.{member}"].values[primary].astype("f8"))
            for member in PARTICLE
        }
        vertex, momentum = (
            torch.stack([value[f"{vector}.{axis}"] for axis in XYZ], 1)
            for vector in ("vertex", "momentum")
        )
        size = momentum.norm(dim=1)
        face, crossing = self.placement.entry(vertex, momentum / size[:, None])
        if bool((face < 0).any()):
            wrong = int((face < 0).nonzero()[0, 0])
            start, way = vertex[wrong].tolist(), momentum[wrong].tolist()
            raise ShowerError(
                wrong,
                f"the particle starts at {_text(start)} mm with momentum {_text(way)} GeV and "
                f"enters no face of {self.geometry.name!r} ({self.placement.kind}, face at "
                f"{self.placement.face_mm:g} mm)",
            )
        kinetic = (size.square() + value["mass"].square()).sqrt() - value["mass"]
        incident = Incident(
            energy=(kinetic * units.GeV).float(),
            direction=self.placement.turned(momentum / size[:, None], face).float(),
            position=self.placement.to_local(crossing, face).float(),
            pdg=value["PDG"].long(),
        )
        return incident, face

    def _here(self, name: str, hits: Hits, face: Tensor) -> Tensor:
        """Which hits are behind the face that the particle of their event enters."""
        if self.placement.kind == "endcap":
            of_hit = torch.from_numpy((hits.position[:, 2] < 0).astype(np.int64))
        else:
            cells = self.cells[name]
            stave = torch.from_numpy(cells.decode(stave_field(cells), hits.cell_id))
            of_hit = stave - self.placement.first_stave
        return of_hit == face[torch.from_numpy(hits.event)]

    def _layer(self, name: str, hits: Hits, kept: Tensor) -> Tensor:
        number = torch.from_numpy(self.cells[name].decode("layer", hits.cell_id))[kept]
        layer = number - self.placement.first_layer
        wrong = (layer < 0) | (layer >= self.geometry.num_layers)
        if bool(wrong.any()):
            first = int(wrong.nonzero()[0, 0])
            begin = self.placement.first_layer
            raise ShowerError(
                int(hits.event[kept.numpy()][first]),
                f"{name}: a hit in layer {int(number[first])}, geometry {self.geometry.name!r} "
                f"has {begin} to {begin + self.geometry.num_layers - 1}",
            )
        return layer

    def _fields(self, names: list[str], conventions: Conventions) -> dict[str, CellID]:
        """The fields of the cellIDs of the collections."""
        known = self.events.encodings()
        cells = {}
        for name in names:
            text = conventions.readout or known.get(name) or self.geometry.readout
            if not text:
                raise ValueError(
                    f"{self.path}: the fields of the cellIDs of {name} are not in the file: pass "
                    "readout=\"'system:5,...,layer:9,...'\", or a geometry with readout"
                )
            cells[name] = cell_id_of(text, self.path)
            if self.placement.kind == "barrel":
                stave_field(cells[name])
        return cells

    def _check_deposits(self) -> None:
        without = [name for name in self.cells if not self.events.has_deposits(name)]
        if without and self.points == "deposits":
            raise ValueError(
                f"{self.path}: no contributions to the hits of {', '.join(without)}: pass "
                "rows=cells"
            )
        if without:
            self.assumed = (*self.assumed, f"times 0 in {', '.join(without)}")

    def _check_positions(self, hits: Mapping[str, Hits]) -> None:
        """Contributions have positions only where the simulation was told to keep them."""
        without = [n for n, found in hits.items() if len(found.event) and not found.position.any()]
        if without:
            raise ValueError(
                f"{self.path}: the contributions to the hits of {', '.join(without)} have no "
                "positions: pass rows=cells"
            )


def _collections(events: Events, conventions: Conventions) -> list[str]:
    names = [name.strip() for name in conventions.collections.split(",") if name.strip()]
    unknown = [name for name in names if name not in events.collections]
    faults = {
        f"no collection {', '.join(unknown)} of hits": bool(unknown),
        "which collections of hits": not names,
        "a collection of hits is named twice": len(set(names)) < len(names),
    }
    for fault in (text for text, there in faults.items() if there):
        raise ValueError(
            f"{events.path}: {fault}; found, with hits in the first events: "
            f"{events.numbers_of_hits()}: pass 'collections=[NAME,...]'"
        )
    return names


def _text(vector: list[float]) -> str:
    return f"({', '.join(f'{v:.6g}' for v in vector)})"


class EDM4hep(Layout):
    """Files of the event data model of the key4hep stack."""

    name = "edm4hep"

    def claims(self, contents: Contents) -> bool:
        """A ROOT file that podio wrote."""
        if contents.kind != "root":
            return False
        with root_file(contents.path) as file:
            return METADATA in file.keys(cycle=False)

    def open(self, path: Path, conventions: Conventions) -> EDM4hepFile:
        """See `EDM4hepFile`."""
        return EDM4hepFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """See `write_edm4hep`."""
        from pointcalo.formats.edm4hep.writing import write_edm4hep

        return write_edm4hep(path, batches, outgoing, conventions)
