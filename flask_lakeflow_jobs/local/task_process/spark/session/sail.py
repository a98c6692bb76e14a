"""Serves Spark Connect with Sail, in a process of the workspace."""

from __future__ import annotations

import json
import os
import socketserver
import threading
import uuid
from typing import Any

from ...paths import WorkspacePaths
from ...supervisor import supervise
from ..language.sql_names import CATALOG_NAME

#: The file with the port at which tasks ask for catalogs.
PORT_FILE = "catalogs.port"
#: The variable with the local folders by their paths in the workspace, as JSON.
MOUNTS = "LAKEFLOW_LOCAL_MOUNTS"
_CATALOGS = "SAIL_CATALOG__LIST"


class Listeners:
    """The servers of Spark Connect in this process, by their ports."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # settings are those of the process
        self._servers: dict[int, Any] = {}
        self._settings: dict[int, dict[str, str]] = {}
        self._wider: dict[int, list[int]] = {}

    def open(self, settings: dict[str, str]) -> int:
        """Open a listener and return its port."""
        from pysail.spark import SparkConnectServer  # the engine imports this module without it

        with self._lock:
            os.environ.update(settings)  # a server reads its settings when it is created
            server = SparkConnectServer(ip="127.0.0.1", port=0)
            server.start(background=True)
            port = int(server.listening_address[1])
            self._servers[port], self._settings[port] = server, settings
        return port

    def widen(self, port: int, catalogs: list[str]) -> dict[str, Any]:
        """Open a listener that knows more catalogs than another one, and closes with it.

        :return: its port, and a session for it.
        """
        settings = dict(self._settings[port])
        settings[_CATALOGS] = add_catalogs(settings[_CATALOGS], catalogs)
        wider = self.open(settings)
        self._wider.setdefault(port, []).append(wider)
        return {"port": wider, "session": str(uuid.uuid4())}

    def close(self, port: int) -> None:
        """Close a listener, and those that know more catalogs."""
        for each in self._wider.pop(port, ()):
            self.close(each)
        del self._settings[port]
        self._servers.pop(port).stop()


def add_catalogs(setting: str, catalogs: list[str]) -> str:
    """Add catalogs to the setting of Sail that lists them, except for names that it cannot hold.

    :param setting: empty, if there is none yet.
    """
    added = (
        f'{{type="memory",name="{name}",initial_database=["default"]}}'
        for name in catalogs
        if CATALOG_NAME.fullmatch(name) and f'name="{name}"' not in setting
    )
    return f"[{','.join(filter(None, [setting.strip('[]'), *added]))}]"


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
    if mounts := json.loads(os.environ.pop(MOUNTS, "{}")):
        # Functions of users, which run here, open files by the same paths as the task.
        WorkspacePaths(mounts).install()
    listeners = Listeners()
    _serve_tasks(listeners)
    for line in requests:
        request = json.loads(line)
        answer = {"number": request["number"]}
        if "open" in request:
            answer["port"] = listeners.open(request["open"])
        else:
            listeners.close(request["close"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _serve_tasks(listeners: Listeners) -> None:
    """Let tasks ask for listeners with more catalogs, in lines of JSON over a port of its own."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = json.loads(self.rfile.readline())
            answer = listeners.widen(request["port"], request["catalogs"])
            self.wfile.write(json.dumps(answer).encode() + b"\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with open(PORT_FILE + ".part", "w", encoding="utf-8") as file:
        file.write(str(server.server_address[1]))
    os.replace(PORT_FILE + ".part", PORT_FILE)
    threading.Thread(target=server.serve_forever, daemon=True).start()
