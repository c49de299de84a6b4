"""Parquet files: one row a shower with a list for each quantity of its points.

The columns are those of `columns`; each carries its unit in the metadata of its field, and the
schema's metadata say what they mean. Source: Apache Arrow, https://arrow.apache.org/docs/python.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pointcalo.atomic import written_beside
from pointcalo.formats.contents import Contents
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.hdf5 import check_file, faults_named
from pointcalo.formats.layouts import Layout, Outgoing
from pointcalo.formats.tables.columns import COLUMNS, POINT_COLUMNS, About, columns_of
from pointcalo.formats.tables.lists import Lists
from pointcalo.formats.tables.table_file import Inventory, TableFile
from pointcalo.showers import Showers

ABOUT = b"pointcalo"
UNIT = b"unit"
LARGEST_GROUP = 4 << 30  # bytes


def parquet_module() -> ModuleType:
    """The module pyarrow.parquet, which takes long to import.

    Raises:
        ValueError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            "Parquet files need the package pyarrow: pip install 'pointcalo[parquet]'"
        ) from error
    return pyarrow.parquet


class ParquetFile(TableFile):
    """A Parquet file to read; one row group is held in memory.

    Args:
        path: file.
        conventions: what a foreign file does not say.

    Raises:
        OSError, ValueError: the file cannot be used, or the user must say more; one line.
    """

    layout: ClassVar[str] = "parquet"

    def __init__(self, path: str | Path, conventions: Conventions) -> None:
        self._held: tuple[int, tuple[str, ...], Any] | None = None
        super().__init__(path, conventions)

    def _inventory(self) -> Inventory:
        with self._opened() as file:
            schema, metadata = file.schema_arrow, file.metadata
            groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
            self._group_starts = np.cumsum([0, *(group.num_rows for group in groups)])
            largest = max((_size(group) for group in groups), default=0)
        if largest > LARGEST_GROUP:
            raise ValueError(
                f"{self.path}: a row group of {largest / 1e9:.3g} GB, expected at most "
                f"{LARGEST_GROUP / 1e9:.3g} GB: write it again with smaller row_group_size"
            )
        text = (schema.metadata or {}).get(ABOUT)
        with faults_named(self.path):
            about = None if text is None else About.from_text(text.decode())
        numbers = {f.name: _dtype(f.type) for f in schema if _dtype(f.type) is not None}
        lists = {f.name: _dtype(f.type.value_type) for f in schema if _is_list(f.type)}
        units = {
            f.name: f.metadata[UNIT].decode() for f in schema if f.metadata and UNIT in f.metadata
        }
        rows, piece = int(self._group_starts[-1]), int(np.diff(self._group_starts).max(initial=0))
        return Inventory(rows, numbers, lists, units, about, piece)

    def _read(self, names: Sequence[str], first: int, last: int) -> dict[str, Any]:
        starts = self._group_starts
        group = int(np.searchsorted(starts, first, side="right")) - 1
        parts = []
        while first < last:
            end = min(last, int(starts[group + 1]))
            parts.append(self._group(group, names).slice(first - starts[group], end - first))
            first, group = end, group + 1
        return {name: self._column(name, [part[name] for part in parts]) for name in names}

    def _group(self, number: int, names: Sequence[str]) -> Any:
        """Columns of a row group, the last of which is kept."""
        key = (number, tuple(names))
        if self._held is None or self._held[:2] != key:
            with self._opened() as file:
                self._held = (*key, file.read_row_group(number, columns=list(names)))
        return self._held[2]

    def _column(self, name: str, parts: Sequence[Any]) -> NDArray[Any] | Lists:
        chunks = [chunk for part in parts for chunk in part.chunks]
        lists = [chunk for chunk in chunks if _is_list(chunk.type)]
        missing = sum(chunk.null_count for chunk in chunks)
        missing += sum(chunk.flatten().null_count for chunk in lists)
        if missing:
            raise ValueError(f"{self.path}: column {name} lacks {missing} values (null)")
        if not lists:
            return np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in chunks])
        values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in lists]
        counts = [chunk.value_lengths().to_numpy(zero_copy_only=False) for chunk in lists]
        return Lists(np.concatenate(values), np.concatenate(counts).astype(np.int64))

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        parquet = parquet_module()
        check_file(self.path)
        try:
            with parquet.ParquetFile(self.path) as file:
                yield file
        except PermissionError as error:
            raise PermissionError(f"{self.path}: no permission to read it") from error
        # pyarrow's errors are ValueErrors, OSErrors and others
        except Exception as error:
            reason = " ".join(str(error).split())[:120]
            raise OSError(
                f"{self.path}: not a readable Parquet file ({reason}): fetch or make it again"
            ) from error


def _size(group: Any) -> int:
    """Bytes that the values of a row group take in memory, at most."""
    return 8 * sum(group.column(number).num_values for number in range(group.num_columns))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return listed and _dtype(kind.value_type) is not None


def _dtype(kind: Any) -> np.dtype | None:
    """Dtype of a type of numbers; None for others."""
    from pyarrow import types

    if types.is_integer(kind) or types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    return None


class Parquet(Layout):
    """Parquet files."""

    name = "parquet"
    holds_attributes = True

    def claims(self, contents: Contents) -> bool:
        """Any Parquet file."""
        return contents.kind == "parquet"

    def open(self, path: Path, conventions: Conventions) -> ParquetFile:
        """See `ParquetFile`."""
        return ParquetFile(path, conventions)

    def write(
        self, path: Path, batches: Iterable[Showers], outgoing: Outgoing, conventions: Conventions
    ) -> list[str]:
        """Holds all there is; each batch is a row group."""
        parquet = parquet_module()
        about = About.of(outgoing, conventions).to_text()
        with written_beside(path) as beside, beside.open("wb") as file:
            schema = _schema(about)
            done = 0
            with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
                for showers in batches:
                    writer.write_table(_table(showers, schema))
                    done += len(showers)
            outgoing.check_number(done, path)
        return []


def _schema(about: str) -> Any:
    import pyarrow as pa

    fields = []
    for name, column in COLUMNS.items():
        kind = pa.from_numpy_dtype(column.dtype)
        if name in POINT_COLUMNS:
            kind = pa.list_(pa.field("element", kind, nullable=False))
        fields.append(pa.field(name, kind, nullable=False, metadata={UNIT: column.unit}))
    return pa.schema(fields, metadata={ABOUT: about})


def _table(showers: Showers, schema: Any) -> Any:
    import pyarrow as pa

    arrays = {name: pa.array(values) for name, values in columns_of(showers).items()}
    ptr = pa.array(showers.ptr.cpu().numpy().astype(np.int32))
    for name in POINT_COLUMNS:
        kind = schema.field(name).type
        arrays[name] = pa.ListArray.from_arrays(ptr, arrays[name], type=kind)
    return pa.table([arrays[name] for name in schema.names], schema=schema)
