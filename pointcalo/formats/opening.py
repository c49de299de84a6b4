"""Opening a file of showers whatever its layout."""

from pathlib import Path

from pointcalo.formats.layout import LAYOUT, open_hdf5
from pointcalo.formats.native import NativeFile


def open_showers(path: str | Path) -> NativeFile:
    """Open a file of showers by what it says of itself.

    Args:
        path: file of the native layout.

    Raises:
        OSError: not there, no permission, not HDF5.
        ValueError: a layout that must be converted first, or one that is not known.
    """
    if is_showerdata(path):
        raise ValueError(
            f"{path}: a ShowerData file records no units; convert it first: pointcalo convert "
            f"input={path} output=showers.h5 format=pointcalo energy_unit=GeV geometry=NAME"
        )
    return NativeFile(path)


def is_showerdata(path: str | Path) -> bool:
    """Whether a file is in the layout of ShowerData.

    Raises:
        OSError: not there, no permission, not HDF5.
        ValueError: neither of ShowerData nor of pointcalo.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        if file.attrs.get("layout") == LAYOUT:
            return False
        if "showerdata_version" in file.attrs:
            return True
    raise ValueError(f"{path}: no file of showers in the layout of pointcalo or ShowerData")
