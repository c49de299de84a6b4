"""The keys of a command, read from its YAML: name, default and comment of each.

Reads the text of the file, so that comments are kept and neither Hydra nor torch is imported.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

MISSING = "???"
OVERRIDE = "override "
FILE = "file"
"""A command with a key of this name takes its value as an argument without a key, too."""


@dataclass(frozen=True)
class Key:
    """A key of a command.

    Args:
        name: dotted name, as typed on the command line.
        default: the text of its value; `"???"` where the user must give one.
        comment: what it is, with its unit.
        options: names to choose from, where the key selects a file of a config group.
    """

    name: str
    default: str
    comment: str
    options: tuple[str, ...] = ()


def read_keys(folder: Path, command: str, choices: Mapping[str, str] | None = None) -> list[Key]:
    """All keys of a command, those of the files selected from its config groups included.

    Args:
        folder: folder of configurations.
        command: name of a YAML in it, without its ending.
        choices: names selected from config groups, where they are not the defaults.

    Returns:
        The keys of the command's own file, then those of its groups; the last file that sets a key
        (an experiment) gives its default.

    Raises:
        FileNotFoundError: there is no such YAML.
    """
    path = folder / f"{command}.yaml"
    choices = {**_overridden(folder, path, choices or {}), **(choices or {})}
    keys: dict[str, Key] = {}
    for key in _file_keys(folder, path, "", choices):
        keys = {name: keys[name] for name in keys if not name.startswith(f"{key.name}.")}
        known = keys.get(key.name, key)
        keys[key.name] = replace(known, default=key.default)
    return list(keys.values())


def description(folder: Path, command: str) -> str:
    """The comment at the head of a command's YAML, its lines kept."""
    lines = (folder / f"{command}.yaml").read_text(encoding="utf-8").splitlines()
    head: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            head.append(line.lstrip("#").removeprefix(" "))
    return "\n".join(head).strip()


def takes_file(keys: list[Key]) -> bool:
    """Whether a command is called with a file: `pointcalo inspect showers.h5`."""
    return any(key.name == FILE for key in keys)


def close_names(name: str, keys: list[Key]) -> list[str]:
    """Names of keys that a mistyped one may have meant, the closest first."""
    names = [key.name for key in keys]
    close = difflib.get_close_matches(name, names, n=3)
    last = name.rpartition(".")[2]
    close += [other for other in names if other.rpartition(".")[2] == last]
    return list(dict.fromkeys(close))


def _file_keys(folder: Path, path: Path, prefix: str, choices: Mapping[str, str]) -> Iterator[Key]:
    text = path.read_text(encoding="utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        return
    if text.startswith("# @package _global_"):
        prefix = ""
    yield from _walk(node, text.splitlines(), prefix)
    for entry, value in node.value:
        if entry.value == "defaults" and isinstance(value, yaml.SequenceNode):
            yield from _group_keys(folder, value, text, choices)


def _group_keys(
    folder: Path, defaults: yaml.SequenceNode, text: str, choices: Mapping[str, str]
) -> Iterator[Key]:
    """One key for each config group of a defaults list, then the keys of the file it selects."""
    for item in defaults.value:
        if not isinstance(item, yaml.MappingNode):
            continue
        entry, value = item.value[0]
        group = entry.value.removeprefix("optional ")
        files = sorted((folder / group).glob("*.yaml"))
        if group.startswith(OVERRIDE) or not files:
            continue
        options = tuple(file.stem for file in files)
        chosen = choices.get(group, value.value)
        if len(options) > 1:  # of a group of one file there is nothing to choose
            yield Key(group, chosen, _comment(entry, value, text.splitlines()), options)
        if chosen in options:
            yield from _file_keys(folder, folder / group / f"{chosen}.yaml", f"{group}.", choices)


def _overridden(folder: Path, path: Path, choices: Mapping[str, str]) -> dict[str, str]:
    """What selected files select from other groups in turn: `override /model: gan`."""
    found: dict[str, str] = {}
    for group, default in _selections(path):
        name = choices.get(group.removeprefix("optional "), default)
        chosen = folder / group.removeprefix("optional ") / f"{name}.yaml"
        if chosen.is_file():
            found |= {g: n for g, n in _selections(chosen) if g.startswith(f"{OVERRIDE}/")}
    return {group.removeprefix(f"{OVERRIDE}/"): name for group, name in found.items()}


def _selections(path: Path) -> list[tuple[str, str]]:
    """Groups and names in the defaults list of a file."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    items = [item for item in content.get("defaults", []) if isinstance(item, dict)]
    return [pair for item in items for pair in item.items()]


def _walk(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Key]:
    for entry, value in node.value:
        name = prefix + entry.value
        if name in ("defaults", "hydra") or entry.value.startswith("_"):
            continue
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _walk(value, lines, f"{name}.")
        else:
            yield Key(name, _value(value), _comment(entry, value, lines))


def _value(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return f"[{','.join(_value(item) for item in node.value)}]"
    if isinstance(node, yaml.MappingNode):
        pairs = ",".join(f"{_value(key)}:{_value(value)}" for key, value in node.value)
        return f"{{{pairs}}}"
    return node.value or "null"


def _comment(entry: yaml.Node, value: yaml.Node, lines: list[str]) -> str:
    """The comment behind a value and its continuation below, or else the one above the key."""
    block = isinstance(value, yaml.SequenceNode) and not value.flow_style
    end = entry.end_mark if block else value.end_mark
    behind = re.search(r"\s#\s*(.*)$", lines[end.line][end.column :])
    if behind:
        return " ".join([behind[1], *_continuation(lines, end.line + 1, entry.start_mark.column)])
    return _above(lines, entry.start_mark.line - 1, " " * entry.start_mark.column)


def _above(lines: list[str], line: int, indent: str) -> str:
    comment: list[str] = []
    while line >= 0 and lines[line].startswith(f"{indent}#"):
        comment.insert(0, lines[line].strip(" #"))
        line -= 1
    return " ".join(comment) if line >= 0 else ""  # else it is the head of the file


def _continuation(lines: list[str], first: int, indent: int) -> Iterator[str]:
    for line in lines[first:]:
        text = line.lstrip()
        if not text.startswith("#") or len(line) - len(text) <= indent:
            return
        yield text.strip("# ")
