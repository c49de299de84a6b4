"""Plain ROOT files: one tree of showers with a list for each quantity of their points.

The tree `events` has the branches of `columns`; the text `about` beside it (a TObjString) says
what they mean. Trees of others, RNTuples too, are read by the same names.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pointcalo.atomic import written_beside
from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import faults_named
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.steady_file import SteadyFile
from pointcalo.formats.tables.columns import POINT_COLUMNS, SHOWER_COLUMNS, About, columns_of
from pointcalo.formats.tables.lists import Lists
from pointcalo.formats.tables.root_files import root_file, uproot_module
from pointcalo.formats.tables.table_file import Inventory, TableFile
from pointcalo.showers import Showers

TREE = "events"
ABOUT = "about"
COUNTER = "num_points"


class RootFile(TableFile):
    """A plain ROOT file to read.

    Args:
        path: file.
        conventions: what a foreign tree does not say; `collections` names it.

    Raises:
        OSError, ValueError: the file cannot be used, or the user must say more; one line.
    """

    layout: ClassVar[str] = "root"

    def __init__(self, path: str | Path, conventions: Conventions) -> None:
        self.tree = conventions.collections
        super().__init__(path, conventions)

    def _inventory(self) -> Inventory:
        with root_file(self.path) as file:
            classes = file.classnames(cycle=False)
            trees = [name for name, kind in classes.items() if kind in READERS]
            text = str(file[ABOUT]) if classes.get(ABOUT) == "TObjString" else None
            wanted = self.tree or (trees[0] if len(trees) == 1 else TREE)
            if wanted in trees:
                rows = int(file[wanted].num_entries)
                numbers, lists, piece = READERS[classes[wanted]](file[wanted])
        if wanted not in trees:
            raise ValueError(
                f"{self.path}: no tree {wanted!r}, found {', '.join(trees) or 'none'}: pass "
                "collections=NAME of the tree"
            )
        self.tree = wanted
        with faults_named(self.path):
            about = None if text is None else About.from_text(text)
        numbers.pop(COUNTER, None)
        units = {} if about is None else about.units
        return Inventory(rows, numbers, lists, units, about, piece)

    def _read(self, names: Sequence[str], first: int, last: int) -> dict[str, Any]:
        with root_file(self.path) as file:
            arrays = file[self.tree].arrays(list(names), entry_start=first, entry_stop=last)
            columns = {name: arrays[name] for name in names}
            return {n: c.to_numpy() if c.ndim == 1 else Lists.of(c) for n, c in columns.items()}


Columns = tuple[dict[str, np.dtype], dict[str, np.dtype], int]
"""Columns of numbers and of lists of them, and the rows of the largest piece."""


def _of_tree(tree: Any) -> Columns:
    """Branches by what they hold; those of neither numbers nor lists of them are left out."""
    interpretation = uproot_module().interpretation
    numbers, lists = {}, {}
    for branch in tree.values():
        kind = branch.interpretation
        if isinstance(kind, interpretation.jagged.AsJagged):
            lists[branch.name] = getattr(kind.content, "to_dtype", np.dtype("O"))
        elif type(kind) is interpretation.numerical.AsDtype and not kind.inner_shape:
            numbers[branch.name] = kind.to_dtype
    return numbers, lists, int(max(np.diff(tree.branches[-1].entry_offsets), default=0))


def _of_ntuple(ntuple: Any) -> Columns:
    """The same of the fields of an RNTuple, by its first row."""
    from awkward.types import ListType, NumpyType

    numbers, lists = {}, {}
    first = ntuple.arrays(entry_stop=1) if ntuple.num_entries else None
    for name in [] if first is None else first.fields:
        kind = first[name].type.content
        if isinstance(kind, NumpyType):
            numbers[name] = np.dtype(kind.primitive)
        elif isinstance(kind, ListType) and isinstance(kind.content, NumpyType):
            lists[name] = np.dtype(kind.content.primitive)
    piece = max((int(cluster.num_entries) for cluster in ntuple.cluster_summaries), default=0)
    return numbers, lists, piece


READERS = {"TTree": _of_tree, "TNtuple": _of_tree, "ROOT::RNTuple": _of_ntuple}
"""What each class of tables in a ROOT file holds."""


class Root(Layout):
    """Plain ROOT files."""

    name = "root"
    holds_attributes = True

    def claims(self, contents: Contents) -> bool:
        """Any ROOT file that none of the others knows."""
        return contents.kind == "root"

    def open(self, path: Path, conventions: Conventions) -> RootFile:
        """See `RootFile`."""
        return RootFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds all there is."""
        uproot = uproot_module()
        with written_beside(path) as beside, SteadyFile(beside, path) as disk:
            try:
                with uproot.recreate(disk) as file:
                    done = _fill(file, batches, disk)
                    file[ABOUT] = About.of(outgoing, conventions).to_text()
            finally:
                disk.check()
            outgoing.check_number(done, path)
        return []


def _fill(file: Any, batches: Iterable[Showers], disk: SteadyFile) -> int:
    import awkward

    points = ", ".join(f"{name}: {np.dtype(c.dtype)}" for name, c in POINT_COLUMNS.items())
    types = {"": f"var * {{{points}}}"} | {name: c.dtype for name, c in SHOWER_COLUMNS.items()}
    tree = file.mktree(
        TREE,
        types,
        title="showers, a list for each quantity of their points",
        counter_name=lambda _: COUNTER,
        field_name=lambda _, name: name,
    )
    done = 0
    for showers in batches:
        columns = columns_of(showers)
        counts = showers.counts.cpu().numpy()
        record = {name: awkward.unflatten(columns.pop(name), counts) for name in POINT_COLUMNS}
        tree.extend({"": awkward.zip(record), **columns})
        disk.check()
        done += len(showers)
    return done
