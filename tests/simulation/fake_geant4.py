"""A process that answers as `pointcalo.simulation.geant4.worker` does, without Geant4.

Its showers depend on the task alone: one to five steps about the layer's middle. FAKE_GEANT4 says
what happens at the fourth task: "interrupt" sends Ctrl-C to the parent, "die" aborts after a
message of Geant4's form, "kill" gives no reason, "refuse" answers with a text.
"""

import os
import pickle
import random
import signal
import struct
import sys
import time
from multiprocessing.connection import Connection

FATAL = """
-------- EEEE ------- G4Exception-START -------- EEEE -------
*** G4Exception : em0003
      issued by : G4SeltzerBergerModel::ReadData()
Data file br30 is not opened!
*** Fatal Exception *** core dump ***
"""


def fourth_task(connection: Connection) -> None:
    """What FAKE_GEANT4 says."""
    event = os.environ.get("FAKE_GEANT4")
    if event == "interrupt":
        os.kill(os.getppid(), signal.SIGINT)
    elif event == "die":
        print(FATAL, flush=True)
        os.abort()
    elif event == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif event == "refuse":
        connection.send("no particle with PDG number 7")


def rows(task: bytes) -> bytes:
    """Steps of a shower that depend on nothing but its task."""
    draw = random.Random(task)
    steps = [(draw.uniform(-20, 20), draw.uniform(-20, 20)) for _ in range(draw.randint(1, 5))]
    time.sleep(draw.uniform(0, 0.02))
    return b"".join(struct.pack("5d", x, y, 0.5, 0.1, draw.randrange(8)) for x, y in steps)


def main() -> None:
    """Serve as the real one does."""
    with Connection(int(sys.argv[1])) as connection:
        connection.recv_bytes()
        print("*** a banner ***", flush=True)
        connection.send(("11.9.9", "0.9"))
        number = 0
        while True:
            try:
                task = connection.recv_bytes()
            except EOFError:
                return
            number += 1
            if number == 4:
                fourth_task(connection)
            connection.send_bytes(pickle.dumps(rows(task)))


if __name__ == "__main__":
    main()
