"""The command `pointcalo display`: one shower as a picture and as a page."""

from contextlib import ExitStack
from pathlib import Path

from omegaconf import DictConfig

from pointcalo.atomic import written_beside
from pointcalo.cli.detector import given_geometry
from pointcalo.cli.reading import conventions, named_geometry
from pointcalo.display.event import event_of
from pointcalo.display.page import write_page
from pointcalo.display.picture import write_picture
from pointcalo.formats import open_showers
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry

PAGE = ".html"
PICTURES = (".png", ".pdf", ".svg")


def run(config: DictConfig) -> None:
    """Draw one shower.

    Args:
        config: keys of `configs/display.yaml`.

    Raises:
        ValueError, OSError: no such shower, nothing to draw, or it cannot be written; one line.
    """
    given = given_geometry(config)
    file = open_showers(config.file, conventions(config, given))
    if config.shower >= len(file):
        raise ValueError(
            f"shower: got {config.shower}, but {file.path} holds showers 0 to {len(file) - 1}"
        )
    outputs = _outputs(config.output, file, config.shower)
    event = event_of(
        file.read(slice(config.shower, config.shower + 1)),
        _geometry(file, given),
        name=f"shower {config.shower} of {file.path.name}",
        source=file.source,
        threshold=config.threshold,
    )
    with ExitStack() as stack:  # both files or none
        for path in outputs:
            beside = stack.enter_context(written_beside(path))
            if path.suffix == PAGE:
                write_page(event, beside)
            else:
                write_picture(event, beside, path.suffix)
    print(event.title, event.account, *outputs, sep="\n")


def _outputs(output: str | None, file: ShowerFile, shower: int) -> list[Path]:
    """The picture, if asked for, and the page."""
    path = Path(output or f"{file.path.stem}-shower-{shower}.png")
    if path.suffix == PAGE:
        return [path]
    if path.suffix not in PICTURES:
        raise ValueError(
            f"output: got {output!r}, expected a name that ends in {', '.join((*PICTURES, PAGE))}"
        )
    return [path, path.with_suffix(PAGE)]


def _geometry(file: ShowerFile, given: Geometry | None) -> Geometry:
    if given is not None:
        file.check_geometry(given)
        return given
    geometry = named_geometry(file)
    if geometry is None:
        made = f"made in geometry {file.geometry_name!r}, which is not known here"
        raise ValueError(
            f"{file.path}: {made if file.geometry_name else 'names no geometry'}; pass "
            "geometry=NAME, or geometry=PATH of its file"
        )
    return geometry
