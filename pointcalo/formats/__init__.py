"""Readers and writers of shower files."""

from pointcalo.formats.native import NativeFile
from pointcalo.formats.opening import open_showers

__all__ = ["NativeFile", "open_showers"]
