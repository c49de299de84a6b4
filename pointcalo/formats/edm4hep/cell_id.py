"""DD4hep's cellIDs: whole numbers of 64 bits whose bits are fields.

A text says which: `name:width`, directly behind the field before, or `name:offset:width`,
separated by commas; a negative width is that of a field with sign (two's complement).
Source: DD4hep, DDSegmentation/BitFieldCoder, https://github.com/AIDASoft/DD4hep.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 64


@dataclass(frozen=True)
class Field:
    """Some bits of a cellID."""

    offset: int
    width: int
    signed: bool

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest value."""
        if self.signed:
            return -(1 << (self.width - 1)), (1 << (self.width - 1)) - 1
        return 0, (1 << self.width) - 1


class CellID:
    """The fields of cellIDs.

    Args:
        text: DD4hep's description of them, "system:5,side:-2,layer:9,x:32:-16,y:-16".

    Raises:
        ValueError: no such description, or fields that share bits.

    >>> cells = CellID("system:5,layer:9,x:32:-16")
    >>> ids = cells.encode({"system": 20, "layer": np.array([1, 2]), "x": np.array([-1, 3])})
    >>> [hex(number) for number in ids]
    ['0xffff00000034', '0x300000054']
    >>> cells.decode("x", ids)
    array([-1,  3])
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.fields: dict[str, Field] = {}
        taken = end = 0
        for part in text.split(","):
            name, field = _parse(part.strip(), end, text)
            end = field.offset + field.width
            bits = ((1 << field.width) - 1) << field.offset
            if end > BITS or taken & bits or name in self.fields:
                raise ValueError(f"readout {text!r}: field {name!r} shares bits or exceeds {BITS}")
            taken |= bits
            self.fields[name] = field

    def decode(self, name: str, ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Values [P] of one field of cellIDs [P]."""
        field = self.fields[name]
        # shifted to the top and down again: the arithmetic shift of a signed number keeps its sign
        top = ids << np.uint64(BITS - field.offset - field.width)
        if field.signed:
            return top.view(np.int64) >> np.int64(BITS - field.width)
        return (top >> np.uint64(BITS - field.width)).astype(np.int64)

    def encode(self, values: Mapping[str, int | NDArray[np.int64]]) -> NDArray[np.uint64]:
        """CellIDs [P] of values [P] (or one for all) by name; fields that are not named are 0.

        Raises:
            ValueError: an unknown field, or a value that does not fit into its bits.
        """
        ids = np.zeros(np.broadcast_shapes(*(np.shape(v) for v in values.values())), np.uint64)
        for name, value in values.items():
            if name not in self.fields:
                raise ValueError(f"readout {self.text!r} has no field {name!r}")
            field, numbers = self.fields[name], np.asarray(value, dtype=np.int64)
            low, high = field.limits
            wrong = numbers[(numbers < low) | (numbers > high)]
            if wrong.size:
                raise ValueError(
                    f"readout {self.text!r}: {name} {wrong.flat[0]} does not fit, expected "
                    f"{low} to {high}"
                )
            mask = np.uint64((1 << field.width) - 1)
            ids |= (numbers.astype(np.uint64) & mask) << np.uint64(field.offset)
        return ids


def _parse(part: str, end: int, text: str) -> tuple[str, Field]:
    name, *numbers = part.split(":")
    try:
        offset, width = [end, *(int(number) for number in numbers)][-2:]
    except ValueError:
        width = 0
    if not name or not 1 <= len(numbers) <= 2 or not 1 <= abs(width) <= BITS or offset < 0:
        raise ValueError(
            f"readout {text!r}: field {part!r}, expected name:width or name:offset:width, as in "
            "system:5,side:-2,layer:9,x:32:-16,y:-16"
        )
    return name, Field(offset, abs(width), width < 0)
