"""A process with Geant4: `python -m pointcalo.simulation.geant4.worker FD`.

FD is a connection to the process that started it. In comes a Setup, then Tasks; out go the
versions of Geant4 and geant4-pybind, then the rows of each shower; a text is a mistake of the
user's. Whatever Geant4 prints goes where stdout and stderr of this process go.
"""

import importlib
import importlib.metadata
import os
import resource
import sys
from multiprocessing.connection import Connection

from pointcalo.simulation.geant4.run import Run


def main() -> None:
    """Serve until the connection is closed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # Geant4's fatal errors abort
    with Connection(int(sys.argv[1])) as connection:
        try:
            serve(connection)
        except ValueError as error:
            connection.send(str(error))
        except (EOFError, ConnectionError):
            pass
    sys.stdout.flush()
    os._exit(0)  # Geant4 in Python does not survive being taken down


def serve(connection: Connection) -> None:
    """Answer the messages of a connection until it is closed."""
    setup = connection.recv()
    run = Run(importlib.import_module("geant4_pybind"), setup)
    connection.send((run.version, importlib.metadata.version("geant4-pybind")))
    while True:
        connection.send(run.shower(connection.recv()))


if __name__ == "__main__":
    main()
