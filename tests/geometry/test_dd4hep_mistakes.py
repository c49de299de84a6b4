"""Mistakes in DD4hep compact files: one line each that names the file."""

from pathlib import Path

import pytest
from geometry.compact_files import DEFINE, DIMENSIONS, READOUT, WHOLE, compact, without
from hypothesis import given, settings
from hypothesis import strategies as st

from pointcalo.geometry.importers.dd4hep import read_dd4hep


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (without(WHOLE, 'name="cell"', 'name="cells"'), "unknown constant or unit 'cell'; define"),
        (
            without(WHOLE, 'value="5.0*mm"', 'value="ecal_rmin/cell"'),
            "refer to one another: cell -> cell",
        ),
        (without(WHOLE, '"5.0*mm"', '"5.0*GeV"'), "is no length"),
        (without(WHOLE, '"5.0*mm"', '"5.0*mm*mm"'), "is no length"),
        (without(WHOLE, '"5.0*mm"', '"5.0*furlong"'), "unknown constant or unit 'furlong'"),
        (without(WHOLE, '"5.0*mm"', '"0"'), "grid_size_x is 0; expected a number above 0"),
        (without(WHOLE, '"5.0*mm"', '"1e-6*mm"'), r"more than 10000 layers or 2e\+08 cells"),
        (without(WHOLE, "0.50*mm", "-0.50*mm"), r"slice 3 \(Silicon\) is -0.5 mm; expected 0"),
        (without(WHOLE, ' sensitive="yes"'), "has no slice with sensitive='yes'"),
        (without(WHOLE, 'repeat="3"', 'repeat="1e9"'), "expected a whole number of at most"),
        (without(WHOLE, 'repeat="3"', 'repeat="3*mm"'), "expected a number without unit"),
        (without(WHOLE, "Steel235", "Kryptonite"), "material 'Kryptonite' is neither defined"),
        (without(WHOLE, "CartesianGridXY", "MegatileLayerGridXY"), "'MegatileLayerGridXY' is not"),
        (without(WHOLE, 'readout="Hits"'), "has the readout None, .*; readouts: Hits"),
        (without(WHOLE, DIMENSIONS), "has dimensions none; expected numsides, rmin, z"),
        (without(WHOLE, '"1500*mm"', '"-1500*mm"'), "expected numbers above 0"),
        (DEFINE + READOUT, "has no calorimeter with <layer repeat=...>"),
        (WHOLE + '<include ref="file:///etc/passwd"/>', "expected a path relative to the file"),
        (WHOLE + '<include ref="http://a.b/c.xml"/>', "expected a path relative to the file"),
        (WHOLE + '<include ref="/etc/passwd"/>', "expected a path relative to the file"),
        (WHOLE + '<include ref="../secret.xml"/>', "which is outside"),
        (WHOLE + '<include ref="gone.xml"/>', "'gone.xml', which does not exist beside top.xml"),
        (
            WHOLE
            + '<include ref="${HOME}/x.xml"/>'
            + '<define><constant name="cell" value="1"/></define>',
            "constant 'cell' is defined as '5.0\\*mm' and as '1'",
        ),
        (without(WHOLE, '"5.0*mm"', '"x.y"'), "no arithmetic"),
        (without(WHOLE, '"5.0*mm"', '"9**9**9**9"'), "cell"),
        (without(WHOLE, '"5.0*mm"', '"__import__(1)"'), "no arithmetic"),
        (without(WHOLE, '"5.0*mm"', '"1/0"'), "division by zero"),
        (
            without(
                WHOLE,
                'material="Air" thickness="10*mm"',
                'material="Si1" sensitive="yes" thickness="10*mm"',
            ),
            "Si1",
        ),
        (
            without(
                WHOLE,
                'material="Air" thickness="10*mm"',
                'material="LAr" sensitive="yes" thickness="10*mm"',
            ),
            "sensitive materials LAr, Si",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_dd4hep(compact(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "top.xml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<lccdd><define>", "is no XML file"),
        ("<gdml/>", "its root is <gdml>; expected <lccdd>"),
        ('<!DOCTYPE l [<!ENTITY a "b">]><lccdd>&a;</lccdd>', "declares entities"),
        ("<lccdd>" + "<a>" * 5000 + "</a>" * 5000 + "</lccdd>", "has no calorimeter"),
    ],
)
def test_a_file_that_is_no_compact_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_dd4hep(path)


@settings(max_examples=60)
@given(
    begin=st.integers(0, len(WHOLE)),
    cut=st.integers(0, 20),
    insert=st.text("0123456789.*+-/()<>\"'=&; abmNxX_^", max_size=5),
)
def test_a_damaged_file_is_read_or_named(tmp_path: Path, begin: int, cut: int, insert: str) -> None:
    path = compact(tmp_path, WHOLE[:begin] + insert + WHOLE[begin + cut :])
    try:
        num_layers, said = read_dd4hep(path).num_layers, ""
    except ValueError as error:
        num_layers, said = 0, str(error)
    assert num_layers or (said.startswith(str(path)) and "\n" not in said)
