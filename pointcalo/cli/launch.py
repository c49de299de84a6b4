"""Commands with a configuration: compose it with Hydra, check it, run, carry the exit code out."""

import importlib
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pointcalo.cli.errors import DONE, debugging, explain
from pointcalo.cli.keys import FILE, Key, close_names, read_keys, takes_file
from pointcalo.cli.settings import check_settings
from pointcalo.resources import folder

FLAGS = (
    "--hydra-help",
    "--resolve",
    "--run",
    "-r",
    "--multirun",
    "-m",
    "--shell-completion",
    "-sc",
)
FLAGS_WITH_VALUE = (
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--experimental-rerun"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
)

OPEN_SECTION = "{}"
"""Default of a section that takes any name: bounds.NAME=0.7."""


class JobError(Exception):
    """One job of a sweep failed; the other jobs go on and Hydra raises this at the end."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def launch(command: str, arguments: list[str]) -> int:
    """Run a command through `hydra.main`, whole: overrides, groups, `--multirun`, launchers.

    Args:
        command: name of a YAML in the folder of configurations and of a module in `pointcalo.cli`.
        arguments: what followed it on the command line.

    Returns:
        The exit code.

    Raises:
        ValueError: an unknown flag, key or choice, or a value that Hydra cannot read.
    """
    flags, overrides = split_flags(command, arguments)
    keys = _keys(command)
    if takes_file(keys):
        overrides = name_file(overrides)
    overrides = add_to_open_sections(overrides, keys)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # raise, so that we can say it in one line
    program, sys.argv = sys.argv, ["pointcalo", *flags, "--", *_quiet(command, overrides)]
    main = hydra.main(version_base="1.3", config_path=str(folder("configs")), config_name=command)(
        _task(command)
    )
    try:
        main()
    except JobError as failure:
        return failure.code
    except (ConfigCompositionException, MissingConfigException, OverrideParseException) as error:
        raise ValueError(_composition_message(command, error)) from error
    finally:
        sys.argv = program
    return DONE


def split_flags(command: str, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part flags (with their values) from overrides: argparse wants the flags in front.

    Raises:
        ValueError: a flag that Hydra does not know, or one without its value.
    """
    flags: list[str] = []
    overrides: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-"):
            overrides.append(argument)
            continue
        name, equals, _ = argument.partition("=")
        if name not in (*FLAGS, *FLAGS_WITH_VALUE):
            raise ValueError(f"unknown flag {name}; see pointcalo {command} --help")
        flags.append(argument)
        if name in FLAGS_WITH_VALUE and not equals:
            value = next(rest, None)
            if value is None:
                raise ValueError(f"{name} needs a value; see pointcalo {command} --help")
            flags.append(value)
    return flags, overrides


def name_file(overrides: list[str]) -> list[str]:
    """Overrides with the first that is no KEY=VALUE as the value of the key `file`."""
    bare = next((text for text in overrides if "=" not in text and not text.startswith("~")), None)
    if bare is None:
        return overrides
    quoted = bare.replace("\\", "\\\\").replace('"', '\\"')
    place = overrides.index(bare)
    return [*overrides[:place], f'{FILE}="{quoted}"', *overrides[place + 1 :]]


def add_to_open_sections(overrides: list[str], keys: list[Key]) -> list[str]:
    """Overrides that put names into sections without names of their own, said in Hydra's way."""
    opened = tuple(f"{key.name}." for key in keys if key.default == OPEN_SECTION)
    return [f"++{text}" if opened and text.startswith(opened) else text for text in overrides]


def typed() -> str:
    """The command that runs, as it was typed: for what records where it comes from."""
    config = HydraConfig.get()
    overrides = [text.lstrip("+") for text in config.overrides.task]
    return shlex.join(["pointcalo", config.job.name, *overrides])


def _quiet(command: str, overrides: list[str]) -> list[str]:
    """Overrides with Hydra's own folders and log files switched off where the user left them."""
    settings = {
        "hydra.job.name": command,
        "hydra.run.dir": ".",
        "hydra.output_subdir": "null",
        "hydra.sweep.dir": "runs/multirun/${now:%Y-%m-%d_%H-%M-%S}",
        "hydra/job_logging": "none",
        "hydra.hydra_logging.formatters.simple.format": "'%(message)s'",
    }
    given = {override.partition("=")[0].lstrip("+~") for override in overrides}
    return [f"{key}={value}" for key, value in settings.items() if key not in given] + overrides


def _task(command: str) -> Callable[[DictConfig], None]:
    def task(config: DictConfig) -> None:
        code = _guarded(command, config)
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            if code:
                raise JobError(code)
            return
        raise SystemExit(code)  # the one way to take a code through Hydra without its own report

    return task


def _guarded(command: str, config: DictConfig) -> int:
    try:
        _check_missing(command, config)
        keys = read_keys(folder("configs"), command, HydraConfig.get().runtime.choices)
        check_settings(config, {key.name: key.default for key in keys})
        run = importlib.import_module(f"pointcalo.cli.{command}").run
        return run(config) or DONE
    except Exception as error:
        if debugging():
            traceback.print_exc()
        code, line = explain(error)
        print(f"pointcalo {command}: {line}", file=sys.stderr)
        return code


def _check_missing(command: str, config: DictConfig) -> None:
    # without this an unset ??? passes until something reads it
    missing = OmegaConf.missing_keys(config)
    if not missing:
        return
    comments = {key.name: key.comment for key in _keys(command)}
    named = [f"{name} ({comments[name]})" if comments.get(name) else name for name in missing]
    raise ValueError(
        f"missing: {', '.join(sorted(named))}; give {' '.join(f'{name}=...' for name in missing)}"
    )


def _keys(command: str) -> list[Key]:
    return read_keys(folder("configs"), command)


def _composition_message(command: str, error: Exception) -> str:
    text = str(error)
    unknown = re.search(r"Could not override '([^']+)'|Could not append|Key '([^']+)' is not", text)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        there = f"; there are: {', '.join(error.options)}" if error.options else ""
        return f"no configuration {error.missing_cfg_file}{there}"
    if isinstance(error, OverrideParseException):
        if "=" not in error.override:
            return f"{error.override} is no KEY=VALUE (keys: pointcalo {command} --help)"
        return f"cannot read {error.override}; quote values with signs: 'KEY=\"VALUE\"'"
    if unknown and (unknown[1] or unknown[2]):
        name = (unknown[1] or unknown[2]).partition("@")[0]
        if name in {key.name for key in _keys(command)}:
            section = name.rpartition(".")[0]
            return f"{name}: the configurations chosen have no {section or name}; leave it out"
        close = close_names(name, _keys(command))
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        return f"unknown key {name}{meant} (keys: pointcalo {command} --help)"
    return text
