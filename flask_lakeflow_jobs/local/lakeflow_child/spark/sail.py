"""Serves Spark Connect with Sail, in a process of the workspace."""

from __future__ import annotations

import json
import os

from ..supervisor import supervise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def serve(lifeline: int) -> None:
    """Open and close listeners on the loopback interface until the lifeline closes.

    Each line of the standard input is a request: ``{"open": settings}``, which is answered by a
    ``port``, or ``{"close": port}``. A ``number`` tells which request an answer is for.
    """
    supervise(lifeline)
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    # Functions of users run in this process. They read and print something else.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    from pysail.spark import SparkConnectServer

    servers: dict[int, Any] = {}
    for line in requests:
        request = json.loads(line)
        answer = {"number": request["number"]}
        if "open" in request:
            os.environ.update(request["open"])  # a server reads its settings when it is created
            server = SparkConnectServer(ip="127.0.0.1", port=0)
            server.start(background=True)
            answer["port"] = server.listening_address[1]
            servers[answer["port"]] = server
        else:
            servers.pop(request["close"]).stop()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
