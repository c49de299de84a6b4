"""XML of detector descriptions, read without expanding entities or following references."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError


def read_xml(path: Path) -> Element:
    """The root element of an XML file.

    Raises:
        ValueError: no XML, or one that declares entities (which could grow without bound or name
            other files); one line with the path.
        OSError: the file cannot be read.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    content = path.read_bytes()
    try:
        return fromstring(content)
    except DefusedXmlException as error:
        raise ValueError(f"{path}: declares entities; expected XML without them") from error
    except (ParseError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: is no XML file: {reason}") from error
