"""Several processes that each answer one task after another; the answers come in order."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import IO, Any

# Tasks handed out before the first unfinished one is answered, for each process.
AHEAD = 8
LAST_WORDS = 65536  # bytes of what a process printed that are read when it has died


class Worker:
    """One process and the connection to it.

    Args:
        command: what to start; the number of a file descriptor is appended, the connection.
        environment: its variables.
        setup: sent first; the first answer is `greeting`.

    Raises:
        ChildProcessError: the process died; one line with the last that it said.
        ValueError: it answered with a text: a mistake of the user's.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], setup: Any) -> None:
        self.connection, theirs = Pipe()
        self.printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self.process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.printed,
            stderr=self.printed,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # a Ctrl-C at the terminal is for the process that waits
        )
        theirs.close()
        self.send(setup, "at its start")

    def send(self, message: Any, doing: str) -> None:
        """Hand a task out; `doing` says what it is, should the process die of it."""
        self.doing = doing
        try:
            self.connection.send(message)
        except OSError:
            raise self._death() from None

    def receive(self) -> Any:
        """Its answer."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(answer, str):
            raise ValueError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.kill()
        self.process.wait()
        self.printed.close()

    def _death(self) -> ChildProcessError:
        self.connection.close()
        code = self.process.wait()
        self.printed.seek(max(self.printed.seek(0, os.SEEK_END) - LAST_WORDS, 0))
        words = last_words(self.printed.read().decode(errors="replace"), code)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return ChildProcessError(f"Geant4 stopped {self.doing} ({how}): {words}")


def last_words(text: str, code: int) -> str:
    """The reason why Geant4 stopped, in one line.

    Args:
        text: what it printed.
        code: exit code, or below 0 the signal that ended it.

    >>> last_words('''start
    ... -------- EEEE ------- G4Exception-START -------- EEEE -------
    ... *** G4Exception : em0003
    ...       issued by : Model::Read()
    ... no such file
    ... *** Fatal Exception *** core dump ***''', -6)
    'em0003: no such file (Model::Read())'
    """
    found = re.findall(
        r"G4Exception : (\S+)\s+issued by : ([^\n]*)\n(.*?)\n?(?:\*\*\* |-{8} )", text, re.DOTALL
    )
    if found:
        code, where, message = found[-1]
        return f"{code}: {' '.join(message.split())} ({where.strip()})"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if code < 0 or not lines:
        return "it gave no reason; is there enough memory?"
    return lines[-1]


class Workers:
    """A pool of workers; a context manager that ends them.

    Args:
        number: how many processes.
        command, environment, setup: as for `Worker`.

    Attributes:
        greeting: the first answer of the first worker.
    """

    def __init__(
        self, number: int, command: Sequence[str], environment: Mapping[str, str], setup: Any
    ) -> None:
        self._workers: list[Worker] = []
        try:
            for _ in range(number):
                self._workers.append(Worker(command, environment, setup))
            self.greeting, *_ = [worker.receive() for worker in self._workers]
        except BaseException:
            self.close()
            raise

    @property
    def running(self) -> bool:
        """Whether they have not been ended."""
        return bool(self._workers)

    def close(self) -> None:
        """End all processes."""
        while self._workers:
            self._workers.pop().close()

    def answers(self, tasks: Sequence[Any]) -> Iterator[Any]:
        """The answers to tasks (with a `number` each), in their order.

        Left before its end, or by an error, it ends the processes.
        """
        idle = list(self._workers)
        busy: dict[Connection, tuple[Worker, int]] = {}
        done: dict[int, Any] = {}
        sent = 0
        try:
            for wanted in range(len(tasks)):
                while wanted not in done:
                    last = min(len(tasks), wanted + AHEAD * len(self._workers))
                    while idle and sent < last:
                        worker = idle.pop()
                        worker.send(tasks[sent], f"in shower {tasks[sent].number}")
                        busy[worker.connection] = (worker, sent)
                        sent += 1
                    for connection in wait(list(busy)):
                        worker, answered = busy.pop(connection)
                        done[answered] = worker.receive()
                        idle.append(worker)
                yield done.pop(wanted)
        finally:
            if busy or len(idle) < len(self._workers):
                self.close()
