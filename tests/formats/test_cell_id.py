"""cellIDs: hand-computed ones, inverses, and mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointcalo.formats.edm4hep.cell_id import CellID

ILD = (
    "system:0:5,module:5:3,stave:8:4,tower:12:4,layer:16:6,wafer:22:6,slice:28:4,"
    "cellX:32:-16,cellY:48:-16"
)


def test_a_cell_by_hand() -> None:
    # 20 + 3 * 2^5 + 3 * 2^8 + 2 * 2^12 + 4 * 2^16 + 7 * 2^22 + 4 * 2^28 + 12 * 2^32 + 8 * 2^48
    ids = np.array([0x8000C41C42374], dtype=np.uint64)
    expected = {"system": 20, "module": 3, "stave": 3, "tower": 2, "layer": 4, "wafer": 7}
    expected |= {"slice": 4, "cellX": 12, "cellY": 8}
    cells = CellID(ILD)
    assert {name: int(cells.decode(name, ids)[0]) for name in expected} == expected
    assert cells.encode(expected).item() == 0x8000C41C42374


def test_signs_and_offsets() -> None:
    cells = CellID("system:5,side:-2,layer:9,x:32:-16,y:-16")
    assert [(f.offset, f.width, f.signed) for f in cells.fields.values()] == [
        (0, 5, False),
        (5, 2, True),
        (7, 9, False),
        (32, 16, True),
        (48, 16, True),
    ]
    # side -1 is 0b11 at bit 5, x -2 is 0xfffe at bit 32, y -32768 the highest bit alone
    (number,) = cells.encode({"system": 1, "side": -1, "x": np.array([-2]), "y": -32768})
    assert number == 0x8000_FFFE_0000_0061
    assert cells.decode("y", np.array([number]))[0] == -32768


def test_all_bits_in_one_field() -> None:
    ids = np.array([2**63 + 1], dtype=np.uint64)
    assert CellID("id:64").decode("id", ids)[0] == -(2**63) + 1
    assert CellID("id:-64").encode({"id": np.array([-1])})[0] == 2**64 - 1


@st.composite
def descriptions(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """Fields one behind the other, and a value for each."""
    widths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    parts, values = [], {}
    for number, width in enumerate(widths):
        name, signed = f"f{number}", draw(st.booleans())
        parts.append(f"{name}:{-width if signed else width}")
        low, high = (-(1 << (width - 1)), 1 << (width - 1)) if signed else (0, 1 << width)
        values[name] = draw(st.integers(low, high - 1))
    return ",".join(parts), values


@given(descriptions())
def test_decode_is_the_inverse_of_encode(described: tuple[str, dict[str, int]]) -> None:
    text, values = described
    cells = CellID(text)
    ids = np.atleast_1d(cells.encode(values))
    assert {name: int(cells.decode(name, ids)[0]) for name in values} == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "field '', expected name:width"),
        ("system", "field 'system', expected name:width"),
        ("layer:x", "field 'layer:x', expected name:width"),
        ("a:1:2:3", "field 'a:1:2:3', expected name:width"),
        ("a:0", "field 'a:0', expected"),
        ("a:60,b:5", "field 'b' shares bits or exceeds 64"),
        ("a:5,b:3:2", "field 'b' shares bits"),
        ("a:5,a:5", "field 'a' shares bits"),
    ],
)
def test_mistakes(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        CellID(text)


def test_values_that_do_not_fit() -> None:
    cells = CellID("layer:4,x:-4")
    with pytest.raises(ValueError, match="layer 16 does not fit, expected 0 to 15"):
        cells.encode({"layer": np.array([3, 16])})
    with pytest.raises(ValueError, match="x -9 does not fit, expected -8 to 7"):
        cells.encode({"x": -9})
    with pytest.raises(ValueError, match="has no field 'y'"):
        cells.encode({"y": 1})
