"""The command `pointcalo`: finds the command named first, and says every mistake in one line.

Nothing heavy is imported here: `pointcalo --help` must answer in 0.3 s.
"""

import difflib
import importlib
import os
import sys
import traceback

import pointcalo
from pointcalo.cli.errors import DONE, USER_MISTAKE, debugging, explain

CONFIGURED = {
    "simulate": (
        "make showers with a simulation",
        "geometry=hgcal particle=photon showers=1000 'energy_GeV=[1,100]' output=showers.h5",
    ),
    "train": ("train a generator", "geometry=hgcal data=showers.h5"),
    "sample": (
        "generate showers with a trained generator",
        "run=runs/NAME like=showers.h5 output=generated.h5",
    ),
    "validate": (
        "compare two files of showers, write a report",
        "reference=showers.h5 generated=generated.h5 output=report/",
    ),
    "export": (
        "a trained generator as a folder that others run",
        "run=runs/NAME output=generator/",
    ),
    "convert": (
        "convert a file of showers to another layout",
        "input=a.h5 output=b.h5 format=showerdata",
    ),
    "inspect": ("say what a file of showers holds, and what looks wrong", "showers.h5"),
    "display": ("draw one shower: a picture, and a page to turn it", "showers.h5 shower=3"),
}
"""Commands with a configuration `configs/COMMAND.yaml`: what each does, and an example."""

PLAIN = {
    "geometry": ("list, show, check, plot and import detectors", "list"),
    "doctor": ("say what this installation can do", ""),
}
"""Commands that read their own arguments."""

EXIT_CODES = """\
Exit codes: 0 done; 1 a stated bound is broken; 2 a mistake in what was asked; 3 a fault of ours.
POINTCALO_DEBUG=1 shows tracebacks."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name, default: that of this process.

    Returns:
        0 done, 1 a stated bound is broken, 2 the user's mistake, 3 a fault of ours, 130 Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # read when torch is imported: threads that spin while they wait make a training ten times
    # slower as soon as another program wants the processor
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output left, as in `pointcalo ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except SystemExit as request:
        return request.code if isinstance(request.code, int) else int(request.code is not None)
    except (Exception, KeyboardInterrupt) as error:
        if debugging():
            traceback.print_exc()
        code, line = explain(error)
        print(f"pointcalo: {line}", file=sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        print(_overview(), file=sys.stderr)
        return USER_MISTAKE
    command, rest = arguments[0], arguments[1:]
    if command in ("--help", "-h", "help"):
        print(_overview())
        return DONE
    if command in ("--version", "-V"):
        print(f"pointcalo {pointcalo.__version__}")
        return DONE
    if command in PLAIN:
        return importlib.import_module(f"pointcalo.cli.{command}").run(rest) or DONE
    if command not in CONFIGURED:
        raise ValueError(_unknown(command))
    if "--help" in rest or "-h" in rest:
        from pointcalo.cli.command_help import command_help

        print(command_help(command, CONFIGURED[command][1], rest))
        return DONE
    from pointcalo.cli.launch import launch

    return launch(command, rest)


def _unknown(command: str) -> str:
    commands = [*CONFIGURED, *PLAIN]
    close = difflib.get_close_matches(command, commands, n=1)
    meant = f"did you mean {close[0]}?" if close else f"there are: {', '.join(commands)}"
    return f"unknown command {command}; {meant}"


def _overview() -> str:
    rows = CONFIGURED | PLAIN
    table = "\n".join(f"  {command:<10}{does}" for command, (does, _) in rows.items())
    return (
        "pointcalo: generative models of calorimeter showers on any cell layout\n\n"
        "usage: pointcalo COMMAND [KEY=VALUE ...]\n\n"
        f"{table}\n\n"
        "pointcalo COMMAND --help lists the command's keys; pointcalo --version the version.\n"
        f"{EXIT_CODES}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
