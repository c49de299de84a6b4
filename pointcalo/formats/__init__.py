"""Readers and writers of shower files."""

from pointcalo.formats.native import NativeFile
from pointcalo.formats.opening import open_files, open_showers
from pointcalo.formats.stream import ShowerStream, split_numbers
from pointcalo.formats.writing import NativeWriter, write

__all__ = [
    "NativeFile",
    "NativeWriter",
    "ShowerStream",
    "open_files",
    "open_showers",
    "split_numbers",
    "write",
]
