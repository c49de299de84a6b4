"""Readers and writers of shower files."""

from pointcalo.formats.native.file import NativeFile
from pointcalo.formats.native.writing import NativeWriter, write
from pointcalo.formats.opening import open_files, open_showers
from pointcalo.formats.stream import ShowerStream, split_numbers

__all__ = [
    "NativeFile",
    "NativeWriter",
    "ShowerStream",
    "open_files",
    "open_showers",
    "split_numbers",
    "write",
]
