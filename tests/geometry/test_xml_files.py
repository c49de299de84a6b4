"""XML is read safely, and whatever else is in the file is told in one line."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointcalo.geometry.importers.xml_files import read_xml

BOMB = """<?xml version="1.0"?>
<!DOCTYPE Bins [
 <!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">
 <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
 <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<Bins>&c;</Bins>"""
FOREIGN = (
    """<!DOCTYPE Bins [<!ENTITY secret SYSTEM "file:///etc/hostname">]><Bins>&secret;</Bins>"""
)


def test_root_and_attributes(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<?xml version='1.0'?><!-- bins --><Bins><Bin pid='22'/></Bins>")
    root = read_xml(path)
    assert root.tag == "Bins" and root[0].get("pid") == "22"


@pytest.mark.parametrize("text", [BOMB, FOREIGN])
def test_entities_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.xml: declares entities; expected XML without"):
        read_xml(path)


@given(st.one_of(st.binary(), st.text().map(lambda s: f"<Bins>{s}".encode(errors="replace"))))
def test_anything_else_is_one_line(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.xml")
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.xml: is no XML file: [^\n]+$"):
            read_xml(path)


@pytest.mark.parametrize("encoding", ["shift_jis", "nonsense", "utf-7"])
def test_encodings_that_cannot_be_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?><Bins/>'.encode())
    with pytest.raises(ValueError, match="is no XML file"):
        read_xml(path)
