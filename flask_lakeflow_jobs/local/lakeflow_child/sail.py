"""Serves Spark Connect with Sail, in a process of the workspace."""

from __future__ import annotations

import json
import os
import signal

from .supervisor import supervise


def serve(lifeline: int) -> None:
    """Serve on the loopback interface until the lifeline closes.

    The file ``address.json`` in the working directory tells the port.
    """
    supervise(lifeline)
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    with open("address.json.part", "w", encoding="utf-8") as file:
        json.dump({"port": server.listening_address[1]}, file)
    os.replace("address.json.part", "address.json")
    while True:
        signal.pause()
