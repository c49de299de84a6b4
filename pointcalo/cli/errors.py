"""From an exception to an exit code and one line for the person at the terminal."""

import os
import re
import tempfile
import traceback

DONE, BOUND_BROKEN, USER_MISTAKE, OUR_FAULT = 0, 1, 2, 3
INTERRUPTED = 130  # 128 + SIGINT, what shells report


def explain(error: BaseException) -> tuple[int, str]:
    """Exit code and one line (without the program's name) for an exception.

    Args:
        error: what a command raised.

    Returns:
        2 and the message for a mistake of the user's (`ValueError`, `OSError`, an error in a
        configuration, no memory left), 130 for Ctrl-C, 3 and where the traceback lies else.
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, OSError):
        return USER_MISTAKE, _system_message(error)
    if _out_of_memory(error):
        return USER_MISTAKE, f"out of memory: {_one_line(error)}; try smaller batches"
    if isinstance(error, ValueError) or _of_configuration(error):
        return USER_MISTAKE, _one_line(_root(error))
    return OUR_FAULT, f"a fault of ours: {type(error).__name__}: {_one_line(error)}{_trace(error)}"


def debugging() -> bool:
    """Whether the user asked for tracebacks (environment variable POINTCALO_DEBUG=1)."""
    return os.environ.get("POINTCALO_DEBUG", "0") not in ("", "0")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _system_message(error: OSError) -> str:
    text = _one_line(error)
    hdf5 = re.search(r"name = '(?P<name>[^']+)'.*error message = '(?P<reason>[^']+)'", text)
    if hdf5:
        return f"{hdf5['name']}: {hdf5['reason']}"
    if error.filename is not None and error.strerror:
        return f"{os.fspath(error.filename)}: {error.strerror}"
    return error.strerror or text


def _out_of_memory(error: BaseException) -> bool:
    # by its name: torch stays unimported where no command needed it
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _of_configuration(error: BaseException) -> bool:
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if not modules & {"hydra", "omegaconf"}:
        return False
    mistakes = (ValueError, OSError, TypeError, ImportError)  # what bad arguments make of a class
    return error.__cause__ is None or isinstance(error.__cause__, mistakes)


def _root(error: BaseException) -> BaseException:
    """The user's mistake below Hydra's "Error in call to target", which wraps it."""
    wrapped = (
        type(error).__name__ == "InstantiationException"
    )  # by its name: Hydra stays unimported
    return error.__cause__ if wrapped and isinstance(error.__cause__, ValueError) else error


def _trace(error: BaseException) -> str:
    if debugging():
        return ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="pointcalo-fault-", suffix=".txt", delete=False
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return " (POINTCALO_DEBUG=1 shows the traceback)"
    return f" (traceback in {file.name}; please report it)"
