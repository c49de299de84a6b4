"""What the tests of several layouts share: writing, and files of arbitrary content."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pointcalo.formats import open_showers
from pointcalo.formats.conventions import Conventions
from pointcalo.formats.layouts import Outgoing, layout_named
from pointcalo.showers import Showers

SPECIAL = st.sampled_from([0.0, 1.0, -1.0, 2.5, 1e-45, 1e30, 1e300, np.nan, np.inf, -np.inf])
Refused = Callable[..., str]
"""See the fixture `refused`."""

DTYPES = ("f2", "f4", ">f4", "f8", "i1", "i4", "u8", "?", "S2", "c8")


def write_as(
    name: str, path: Path, showers: Showers, said: Conventions, points: str = "cells"
) -> list[str]:
    """Write showers in two batches."""
    outgoing = Outgoing(
        num_showers=len(showers),
        points=points,
        source="random",
    )
    half = len(showers) // 2
    return layout_named(name).write(path, [showers[:half], showers[half:]], outgoing, said)


def write_raw(path: Path, content: Mapping[str, Any]) -> Path:
    """Data sets by their names."""
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
    return path


@st.composite
def contents(draw: st.DrawFn, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[Any]]:
    """Data sets of a layout, of which some are missing or of another shape, type or content."""
    made = {}
    rows = draw(st.integers(0, 3))
    for name, shape in shapes.items():
        if draw(st.integers(0, 9)) == 0:
            continue
        dtype = np.dtype(draw(st.sampled_from(DTYPES)) if draw(st.booleans()) else "f4")
        right = st.just((rows, *shape))
        any_shape = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
        chosen = draw(st.one_of(right, right, right, any_shape))
        values = np.full(chosen, draw(SPECIAL.filter(np.isfinite)))
        for _ in range(draw(st.integers(0, 3)) if values.size else 0):
            values.flat[draw(st.integers(0, values.size - 1))] = draw(SPECIAL)
        with np.errstate(all="ignore"):
            made[name] = values.astype(dtype)
    return made


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A file that was cut off, or in which some bytes behind the first eight are others."""
    if draw(st.booleans()):
        return content[: draw(st.integers(8, len(content) - 1))]
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        changed[draw(st.integers(8, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(changed)


def reads_or_says_why(path: Path, said: Conventions) -> None:
    """The file is read, or refused in one line that names it."""
    error: Exception | None = None
    try:
        file = open_showers(path, said)
        file.incident()
        read = file.read()
    except (ValueError, OSError) as caught:
        error = caught
    if error is None:
        assert len(read) == len(file) and int(file.offset[-1]) == read.num_points
    else:
        assert str(path) in str(error) and "\n" not in str(error), error
