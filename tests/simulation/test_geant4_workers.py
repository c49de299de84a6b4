"""Processes that answer tasks: order, death and mistakes."""

import os
from types import SimpleNamespace

import pytest
from simulation.fake_geant4 import FATAL
from simulation.geant4_stand_in import COMMAND

from pointcalo.simulation.geant4.workers import Workers, last_words


def answers(number: int, tasks: int, event: str = "") -> list[bytes]:
    environment = {**os.environ, "FAKE_GEANT4": event}
    pool = Workers(number, COMMAND, environment, "setup")
    try:
        assert pool.greeting == ("11.9.9", "0.9")
        return list(pool.answers([SimpleNamespace(number=n) for n in range(tasks)]))
    finally:
        pool.close()


def test_the_number_of_processes_does_not_matter() -> None:
    alone = answers(1, 30)
    assert len(alone) == 30
    assert answers(3, 30) == alone


def test_a_process_that_dies_is_told_with_its_last_message() -> None:
    with pytest.raises(ChildProcessError) as error:
        answers(1, 10, "die")
    assert str(error.value) == (
        "Geant4 stopped in shower 3 (signal SIGABRT): em0003: Data file br30 is not opened! "
        "(G4SeltzerBergerModel::ReadData())"
    )


def test_a_process_that_is_killed_gives_no_reason() -> None:
    with pytest.raises(ChildProcessError, match=r"shower 3 \(signal SIGKILL\): it gave no reason"):
        answers(1, 10, "kill")


def test_a_mistake_of_the_users_is_an_answer() -> None:
    with pytest.raises(ValueError, match="no particle with PDG number 7"):
        answers(1, 10, "refuse")


def test_a_process_that_does_not_start() -> None:
    command = (COMMAND[0], "-c", "raise SystemExit('no such library')")
    with pytest.raises(ChildProcessError, match=r"at its start \(exit code 1\): no such library"):
        Workers(2, command, os.environ, "setup")


def test_processes_end_where_answers_are_left() -> None:
    pool = Workers(2, COMMAND, os.environ, "setup")
    stream = pool.answers([SimpleNamespace(number=n) for n in range(50)])
    next(stream)
    stream.close()
    assert not pool.running


def test_last_words() -> None:
    assert last_words(FATAL + "Traceback\nKeyError: 1\n", 1).startswith("em0003: Data file br30")
    assert last_words("banner\nKeyError: 1\n\n", 1) == "KeyError: 1"
    assert last_words("banner", -9) == "it gave no reason; is there enough memory?"
