"""Arithmetic of DD4hep compact files, by hand."""

import math

import pytest

from pointcalo.geometry.importers.dd4hep_expressions import Constants


@pytest.mark.parametrize(
    ("text", "length_mm"),
    [
        ("3.5", 35.0),  # a bare number is cm
        ("2.*mm + .5*cm", 7.0),
        ("(1500*mm)/cos(pi/8) - 1.5*m", 1500.0 / math.cos(math.pi / 8) - 1500.0),
        ("-(LENGTH - 2*LENGTH)", 26.5),
        ("LENGTH * floor(200*mm/LENGTH + 0.5)", 212.0),
        ("2^3*mm", 8.0),
        ("max(1*mm, 2*mm)", 2.0),
        ("0", 0.0),
    ],
)
def test_lengths_by_hand(text: str, length_mm: float) -> None:
    constants = Constants({"LENGTH": ["2.0*cm + 0.65*cm"]})
    assert constants.length_mm("x", text) == pytest.approx(length_mm)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("(int) SIDES", 12.0),
        (" - floor( -200*mm / (26.5*mm))", 8.0),
        ("360/48*degree", math.pi / 24),
        ("1.5e1", 15.0),
    ],
)
def test_numbers_by_hand(text: str, number: float) -> None:
    assert Constants({"SIDES": [" 12"]}).number("x", text) == pytest.approx(number)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2 mm", "a.b", "[1]", "'1'", "True", "1 if 1 else 2", "lambda: 1", "sin(x=1)", "1j"),
        *("(-1)**0.5", "1e400", "log(0)", "(" * 300 + "1" + ")" * 300, "-" * 900 + "1", "1" * 1001),
    ],
)
def test_what_is_no_arithmetic_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^x is ") as caught:
        Constants({}).number("x", text)
    assert "\n" not in str(caught.value)
