"""DD4hep compact files: the file and what it includes, as one collection of definitions."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from pointcalo.geometry.importers.dd4hep_expressions import Constants
from pointcalo.geometry.importers.xml_files import read_xml

MOST_FILES = 1000
CONSTANT_REFERENCE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Compact:
    """What a compact file and its includes define.

    Args:
        materials: `<material>` by name.
        elements: chemical symbol by the name of an `<element>`.
        detectors: `<detector>` by name, in the order of the files.
        readouts: `<readout>` by name.
        texts: expressions of each constant.
        not_followed: includes through environment variables, which are not read.
    """

    materials: dict[str, Element] = field(default_factory=dict)
    elements: dict[str, str] = field(default_factory=dict)
    detectors: dict[str, Element] = field(default_factory=dict)
    readouts: dict[str, Element] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    not_followed: list[str] = field(default_factory=list)

    @property
    def constants(self) -> Constants:
        """The constants, which are worked out when they are used."""
        return Constants(self.texts, self.not_followed)

    def id_fields(self, readout: Element) -> str:
        """The fields of the cellID, "system:5,layer:9,..."; "" where the readout has none."""
        text = "".join((readout.findtext("id") or "").split())
        reference = CONSTANT_REFERENCE.fullmatch(text)
        return "".join(self.constants.text(reference[1]).split()) if reference else text


def read_compact(path: Path, root: Element) -> Compact:
    """A compact file with all that it includes.

    Args:
        path: the file; includes are looked for in its folder.
        root: its root element.

    Raises:
        ValueError: another root than `lccdd`, or an include that is not a file inside the folder
            of `path`.
        OSError: a file cannot be read.
    """
    if root.tag != "lccdd":
        raise ValueError(f"its root is <{root.tag}>; expected <lccdd>, as in DD4hep compact files")
    compact = Compact()
    seen = {path.resolve()}
    files = [(path.resolve(), root)]
    for place, element in files:  # grows on the way; each file is read once, so circles end
        for reference in _collect(element, compact):
            found = _included(reference, place, path.resolve().parent)
            if found is None:
                compact.not_followed.append(reference)
            elif found not in seen:
                seen.add(found)
                files.append((found, read_xml(found)))
        if len(seen) > MOST_FILES:
            raise ValueError(f"it includes more than {MOST_FILES} files")
    return compact


def _collect(root: Element, compact: Compact) -> list[str]:
    """Put the definitions of a file into `compact`; what the file includes."""
    includes = []
    waiting = [root]
    while waiting:
        element = waiting.pop()
        name = element.get("name", "")
        match element.tag:
            case "include" | "gdmlFile":
                includes.append(element.get("ref", "").strip())
            case "constant":
                compact.texts.setdefault(name, []).append(element.get("value", ""))
            case "element":
                compact.elements[name] = element.get("formula", name)
            case "material":
                compact.materials[name] = element
            case "readout":
                compact.readouts[name] = element
            case "detector":
                compact.detectors[name] = element
            case "comment":
                pass
            case _:
                waiting.extend(reversed(element))
    return includes


def _included(reference: str, place: Path, top: Path) -> Path | None:
    """The file an include means; None for one that is found through an environment variable.

    Raises:
        ValueError: anything but a file inside the folder of the top file.
    """
    if reference.startswith("$"):
        return None
    if "://" in reference or reference.startswith("file:") or Path(reference).is_absolute():
        raise ValueError(
            f"it includes {reference!r}; expected a path relative to the file that includes it"
        )
    found = (place.parent / reference).resolve()
    if not found.is_relative_to(top):
        raise ValueError(
            f"it includes {reference!r}, which is outside {top.name}/; "
            "put both into one folder and name the file from there"
        )
    if not found.is_file():
        raise ValueError(f"it includes {reference!r}, which does not exist beside {place.name}")
    return found
