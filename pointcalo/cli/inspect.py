"""The command `pointcalo inspect`: what a file of showers holds, and what looks wrong in it."""

import textwrap

from omegaconf import DictConfig
from tqdm import tqdm

from pointcalo.cli.detector import given_geometry
from pointcalo.cli.inspect_text import facts, warnings
from pointcalo.cli.reading import conventions, named_geometry
from pointcalo.formats import open_showers
from pointcalo.formats.inspection import Inspection, readable
from pointcalo.formats.shower_file import ShowerFile
from pointcalo.geometry import Geometry

MOST_REFUSED = 100  # showers that cannot be read, before the rest is left alone
WIDTH = 100


def run(config: DictConfig) -> None:
    """Look through one file.

    Args:
        config: keys of `configs/inspect.yaml`.

    Raises:
        ValueError, OSError: the file, or every shower in it, cannot be read; one line.
    """
    given = given_geometry(config)
    file = open_showers(config.file, conventions(config, given))
    geometry = given or named_geometry(file)
    found, refused = _look_through(file, geometry, config.batch)
    print(config.file)
    lines = facts(file, found, geometry)
    column = max(len(name) for name, _ in lines)
    for name, text in lines:
        _print_wrapped(f"  {name:<{column}}  ", text)
    wrong = warnings(file, found, geometry, refused)
    print(f"\n{len(wrong) or 'nothing'} {'things look' if len(wrong) > 1 else 'looks'} wrong")
    for text in wrong:
        _print_wrapped("  - ", text)


def _look_through(
    file: ShowerFile, geometry: Geometry | None, batch: int
) -> tuple[Inspection, list[tuple[int, str]]]:
    """What is in the file; and number and fault of the showers that the reader refuses."""
    found = Inspection(file.points, geometry)
    refused: list[tuple[int, str]] = []
    with tqdm(total=len(file), unit="shower", desc="inspect", disable=None, leave=False) as bar:
        for number, read in readable(file, batch):
            if isinstance(read, str):
                refused.append((number, read))
                bar.update()
                if len(refused) == MOST_REFUSED:
                    break
            else:
                found.add(read, number)
                bar.update(len(read))
    if found.num_showers == 0:
        raise ValueError(f"{file.path}: no shower can be read: {refused[0][1]}")
    return found, refused


def _print_wrapped(head: str, text: str) -> None:
    print(textwrap.fill(head + text, WIDTH, subsequent_indent=" " * len(head)))
