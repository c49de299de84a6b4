"""The events of an EDM4hep file: collections, their cellIDs' fields and their hits.

Source: EDM4hep, https://github.com/key4hep/EDM4hep (GeV, mm, ns), as podio stores it in a TTree: a
branch `Hits.energy` for each member, `_Hits_contributions.index` for each relation. Branches are
found by these names wherever they stand in the tree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointcalo.formats.tables.lists import Lists, equal_counts
from pointcalo.formats.tables.root_files import root_file
from pointcalo.showers import ShowerError

TREE = "events"
METADATA = "podio_metadata"
PARAMETERS = (  # of the whole file, in files of podio before 1.0 and since
    ("PARAMETERS/_stringMap/_stringMap.first", "PARAMETERS/_stringMap/_stringMap.second"),
    ("GPStringKeys", "GPStringValues"),
)
ENCODING = "__CellIDEncoding"
XYZ = ("x", "y", "z")
HIT = ("cellID", "energy", *(f"position.{axis}" for axis in XYZ))
STEP = ("energy", "time", *(f"stepPosition.{axis}" for axis in XYZ))
RANGE = ("contributions_begin", "contributions_end")
PARTICLES = "MCParticles"
PRIMARY = 1  # generator status of a particle that was handed to the simulation
PARTICLE = (
    *("PDG", "generatorStatus", "mass"),
    *(f"{vector}.{axis}" for vector in ("vertex", "momentum") for axis in XYZ),
)
COUNTED = 100  # events in which hits are counted for a message


@dataclass(frozen=True)
class Hits:
    """The hits, or the energy deposits in them, of one collection in some events.

    Attributes:
        event: event of each, from 0, [P].
        cell_id: cell of each, [P] uint64.
        position: global, [P, 3] mm.
        energy: [P] GeV.
        time: [P] ns.
    """

    event: NDArray[np.int64]
    cell_id: NDArray[np.uint64]
    position: NDArray[np.floating]
    energy: NDArray[np.floating]
    time: NDArray[np.floating]


class Events:
    """The events of an EDM4hep file.

    Args:
        path: file.

    Raises:
        OSError: not there, no permission, damaged.
        ValueError: no events of EDM4hep in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with root_file(path) as file:
            kind = file.classnames(cycle=False).get(TREE)
            tree = file[TREE] if kind == "TTree" else None
            self.number = 0 if tree is None else int(tree.num_entries)
            self._places = {} if tree is None else dict(_branches(tree))
        if kind != "TTree":
            raise ValueError(
                f"{path}: no EDM4hep file, has no TTree {TREE!r}"
                + (" (an RNTuple, write it as a TTree)" if kind else "")
            )

    @property
    def collections(self) -> list[str]:
        """Names of the collections of SimCalorimeterHits."""
        mark = f".{RANGE[0]}"
        names = [place.removesuffix(mark) for place in self._places if place.endswith(mark)]
        return sorted(n for n in names if all(f"{n}.{member}" in self._places for member in HIT))

    def has(self, *names: str) -> bool:
        """Whether there are branches of these names."""
        return all(name in self._places for name in names)

    def encodings(self) -> dict[str, str]:
        """The descriptions of cellIDs by collection, as far as the file holds them."""
        found: dict[str, str] = {}
        with root_file(self.path) as file:
            metadata = file["metadata"] if "metadata" in file.keys(cycle=False) else None
            for names in PARAMETERS if metadata is not None else ():
                if any(metadata.get(name) is None for name in names):
                    continue
                keys, values = (metadata[name].array()[0].tolist() for name in names)
                for key, value in zip(keys, values, strict=True):
                    if key.endswith(ENCODING) and value:
                        found[key.removesuffix(ENCODING)] = value[0]
        return found

    def numbers_of_hits(self) -> str:
        """The collections and how many hits they have in the first events."""
        last = min(self.number, COUNTED)
        numbers = {
            name: len(self.read([f"{name}.energy"], 0, last)[f"{name}.energy"].values)
            for name in self.collections
        }
        listed = [f"{name} {number}" for name, number in numbers.items() if number]
        empty = len(numbers) - len(listed)
        return ", ".join(listed + ([f"{empty} empty ones"] if empty else [])) or "none"

    def read(self, names: Sequence[str], first: int, last: int) -> dict[str, Lists]:
        """Branches of the events first to last - 1."""
        with root_file(self.path) as file:
            tree = file[TREE]
            arrays = {
                name: tree[self._places[name]].array(entry_start=first, entry_stop=last)
                for name in names
            }
        for name, array in arrays.items():
            if array.ndim != 2:
                raise ValueError(f"{self.path}: branch {name} holds {array.type}, expected lists")
        return {name: Lists.of(array) for name, array in arrays.items()}

    def hits(self, name: str, first: int, last: int, deposits: bool) -> Hits:
        """Hits of a collection, with the earliest time of their deposits; or these themselves.

        Raises:
            ShowerError: hits of unequal length, or deposits that are not there.
        """
        members = [f"{name}.{member}" for member in (*HIT, *RANGE)]
        of_hits = self._alike(members, first, last)
        cell_id, energy, *position = (of_hits[member].values for member in members[: len(HIT)])
        event = of_hits[members[0]].row
        if not self.has_deposits(name):
            return Hits(event, cell_id, np.stack(position, 1), energy, np.zeros(len(energy)))
        steps, hit, step = self._steps(name, of_hits, first, last)
        if deposits:
            energy, time, *position = (steps[f"{name}Contributions.{m}"].values for m in STEP)
            place = np.stack(position, 1)[step]
            return Hits(event[hit], cell_id[hit], place, energy[step], time[step])
        time = np.full(len(energy), np.inf)
        np.minimum.at(time, hit, steps[f"{name}Contributions.time"].values[step])
        return Hits(event, cell_id, np.stack(position, 1), energy, np.where(time < np.inf, time, 0))

    def has_deposits(self, name: str) -> bool:
        """Whether the hits of a collection have their energy deposits with them."""
        return self.has(
            f"_{name}_contributions.index", *(f"{name}Contributions.{member}" for member in STEP)
        )

    def _alike(self, names: Sequence[str], first: int, last: int) -> dict[str, Lists]:
        """Branches whose entries belong together."""
        columns = self.read(names, first, last)
        equal_counts(columns)
        return columns

    def _steps(
        self, name: str, of_hits: Mapping[str, Lists], first: int, last: int
    ) -> tuple[dict[str, Lists], NDArray[np.int64], NDArray[np.int64]]:
        """Deposits of a collection, and, of each that belongs to a hit, the hit and its place."""
        steps = self._alike([f"{name}Contributions.{m}" for m in STEP], first, last)
        relation = self.read([f"_{name}_contributions.index"], first, last)
        (index,) = relation.values()
        begin, end = (of_hits[f"{name}.{bound}"].values.astype(np.int64) for bound in RANGE)
        event = of_hits[f"{name}.{RANGE[0]}"].row
        _check(event, (begin <= end) & (end <= index.counts[event]), name)
        hit = np.repeat(np.arange(len(begin)), end - begin)
        within = np.arange(len(hit)) - np.repeat(
            np.cumsum(end - begin) - (end - begin), end - begin
        )
        at = index.values[(index.first[event] + begin)[hit] + within].astype(np.int64)
        of_steps = steps[f"{name}Contributions.energy"]
        _check(event[hit], (at >= 0) & (at < of_steps.counts[event[hit]]), name)
        return steps, hit, of_steps.first[event[hit]] + at


def _branches(tree: Any) -> list[tuple[str, str]]:
    """Branches by their names and by where they stand."""
    return [(place.rpartition("/")[2], place) for place in tree.keys(recursive=True)]


def _check(event: NDArray[np.int64], right: NDArray[np.bool_], name: str) -> None:
    if not right.all():
        wrong = int(event[np.flatnonzero(~right)[0]])
        raise ShowerError(wrong, f"{name}: a hit has contributions that are not there")
