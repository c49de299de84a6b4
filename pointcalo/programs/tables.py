"""What a program takes and gives."""

from collections.abc import Mapping, Sequence

Table = Mapping[str, tuple[str, Sequence[int | str], str, str]]
"""Of inputs or outputs, by name: type, shape, unit and meaning. Sizes that are words may vary."""
