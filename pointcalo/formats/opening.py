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
    path = Path(path)
    with open_hdf5(path) as file:
        layout = file.attrs.get("layout")
        is_showerdata = "showerdata_version" in file.attrs
    if layout == LAYOUT:
        return NativeFile(path)
    if is_showerdata:
        raise ValueError(
            f"{path}: a ShowerData file records no units; convert it first: pointcalo convert "
            f"input={path} output=showers.h5 format=pointcalo energy_unit=GeV geometry=NAME"
        )
    raise ValueError(f"{path}: not a file of showers in the layout of pointcalo or ShowerData")
