"""Help of one command: its keys with defaults and comments, read from its YAML."""

import shutil
import textwrap

from pointcalo.cli.keys import MISSING, Key, description, read_keys, takes_file
from pointcalo.resources import folder

FLAGS = """\
Hydra's flags:
  --multirun          one run for each value of KEY=A,B,C
  --config-dir DIR    a folder with configurations of your own
  --cfg job           print the configuration instead of running"""

COLUMN = 32
"""Where the comments start."""


def command_help(command: str, example: str, overrides: list[str]) -> str:
    """Text of `pointcalo COMMAND --help`.

    Args:
        command: name of the command and of its YAML.
        example: arguments of an example.
        overrides: what else stands on the command line; `model=wgan` shows the keys of that model.

    Returns:
        The text, as wide as the terminal.

    Raises:
        FileNotFoundError: this installation lacks the command's YAML.
    """
    configs = folder("configs")
    choices = dict(item.split("=", 1) for item in overrides if "=" in item)
    keys = read_keys(configs, command, choices)
    file = "FILE " if takes_file(keys) else ""
    parts = [
        f"usage: pointcalo {command} {file}[KEY=VALUE ...]",
        description(configs, command),
        f"example: pointcalo {command} {example}",
        "\n".join(["Keys, with their defaults:", *(line for key in keys for line in _row(key))]),
        FLAGS,
    ]
    return "\n\n".join(part for part in parts if part)


def _row(key: Key) -> list[str]:
    head = f"  {key.name} (required)" if key.default == MISSING else f"  {key.name}={key.default}"
    choices = [f"one of {', '.join(key.options)}"] if key.options else []
    comment = "; ".join(part for part in [key.comment, *choices] if part)
    width = max(80, min(120, shutil.get_terminal_size().columns))
    fits = len(head) < COLUMN
    lines = textwrap.wrap(comment, width - COLUMN) if comment else [""]
    first = [f"{head:<{COLUMN}}{lines[0]}".rstrip()] if fits else [head, f"{'':{COLUMN}}{lines[0]}"]
    return [*first, *(f"{'':{COLUMN}}{line}" for line in lines[1:])]
