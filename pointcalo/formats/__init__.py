"""Readers and writers of shower files."""

from pointcalo.formats.native import NativeFile
from pointcalo.formats.opening import open_showers
from pointcalo.formats.writing import NativeWriter, write

__all__ = ["NativeFile", "NativeWriter", "open_showers", "write"]
