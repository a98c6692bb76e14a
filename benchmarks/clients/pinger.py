"""Asks one path at a steady pace, in a process of its own, and reports how long each response took.

A request that is held up holds up those after it; each is counted from the moment it was due.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

#: Seconds after which a request is given up.
TIMEOUT_SECONDS = 60.0


@dataclass
class Pings:
    """The results of the requests.

    :param seconds: how long each answer took.
    :param failures: how many had none.
    """

    seconds: list[float] = field(default_factory=list)
    failures: int = 0


@contextlib.contextmanager
def pinging(port: int, *, path: str = "/ping", rate: float = 100.0) -> Iterator[Pings]:
    """Send requests while the block runs.

    :param path: of each request.
    :param rate: requests a second.
    :return: filled when the block is over.
    """
    command = [sys.executable, "-m", __name__, str(port), path, str(rate)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pings = Pings()
    try:
        yield pings
    finally:
        output, _ = process.communicate()
        result = json.loads(output)
        pings.seconds, pings.failures = result["seconds"], result["failures"]


def main() -> None:
    """Send requests until the standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("rate", type=float)
    options = parser.parse_args()
    stopped = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=(stopped,), daemon=True).start()
    connection = HTTPConnection("127.0.0.1", options.port, timeout=TIMEOUT_SECONDS)
    pings = Pings()
    due = time.monotonic()
    while not stopped.wait(max(0.0, due - time.monotonic())):
        try:
            connection.request("GET", options.path)
            response = connection.getresponse()
            response.read()
            pings.seconds.append(time.monotonic() - due)
            pings.failures += response.status != 200
        except (OSError, HTTPException):
            connection.close()
            pings.failures += 1
        due += 1 / options.rate
    print(json.dumps({"seconds": pings.seconds, "failures": pings.failures}))


def _wait_for_the_end(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


if __name__ == "__main__":
    main()
