"""Serves Spark Connect with Sail, in a process of the workspace."""

from __future__ import annotations

import os
import threading

from ..supervisor import supervise


def serve(lifeline: int) -> None:
    """Serve on the loopback interface until the lifeline closes; print the port first.

    The settings of Sail are variables of the environment.
    """
    supervise(lifeline)
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    os.write(1, f"{server.listening_address[1]}\n".encode())
    # Functions of users run in this process. What they print belongs into the log.
    os.dup2(2, 1)
    threading.Event().wait()
