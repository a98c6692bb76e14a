"""Stands in for the Databricks CLI in a script of its tests: reads the bundle with our reader.

It writes each call to the file ``CALLS``, and prints what ``bundle validate -o json`` would print
of jobs. A server forks for each call, since Python takes long to start, and the scripts make
hundreds of calls.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask_lakeflow_jobs.local.bundle.documents import find_root_file
from flask_lakeflow_jobs.local.bundle.resolved import resolve_bundle
from flask_lakeflow_jobs.local.bundle.variables import set_variables

_READING = ("validate", "summary", "plan", "deploy")


def main(arguments: list[str]) -> int:
    """Run a command of the CLI; return the exit code."""
    if len(arguments) < 2 or arguments[0] != "bundle" or arguments[1] not in _READING:
        print("{}")
        return 0
    options = _parse(arguments[2:])
    call: dict[str, Any] = {
        "argv": arguments,
        "wrapper": os.environ.get("WRAPPER", ""),
        "error": "",
    }
    try:
        document = _read(options)
    except ValueError as error:
        call["error"] = str(error) or "refused"
    with open(os.environ["CALLS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\n")
    if call["error"]:
        print("Error:", call["error"], file=sys.stderr)
        return 1
    if arguments[1] == "deploy":
        _record_requests(document)
    elif options.output == "json":
        json.dump(document, sys.stdout, indent=2, sort_keys=True)
        print()
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-o", "--output")
    parser.add_argument("-t", "--target", "-e", "--environment")
    parser.add_argument("--var", action="append", default=[])
    return parser.parse_known_args(arguments)[0]


def _read(options: argparse.Namespace) -> dict[str, Any]:
    warnings: list[str] = []
    set_variables(options.var)
    resolved = resolve_bundle(
        find_root_file(_find_root()),
        options.target,
        None,
        [],
        lambda message, _: warnings.append(message),
    )
    tree: dict[str, Any] = {
        key: value
        for key, value in resolved.tree.items()
        if key not in ("targets", "environments", "include")
    }
    if resolved.jobs:
        tree["resources"] = {**(tree.get("resources") or {}), "jobs": dict(resolved.jobs)}
    return tree


def _find_root() -> Path:
    if root := os.environ.get("DATABRICKS_BUNDLE_ROOT") or os.environ.get("BUNDLE_ROOT"):
        return Path(root)
    names = ("databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml")
    folders = (Path.cwd(), *Path.cwd().parents)
    return next(
        (each for each in folders if any((each / name).is_file() for name in names)), Path.cwd()
    )


def _record_requests(document: dict[str, Any]) -> None:
    """Write the request that creates each job, as the server of the CLI's tests records it."""
    folder = Path(os.environ["TEST_TMP_DIR"])
    known = folder / ".created"
    created = set(known.read_text().split()) if known.exists() else set()
    with open(folder / "out.requests.txt", "a", encoding="utf-8") as file:
        for key, job in (document["resources"].get("jobs") or {}).items():
            if key not in created:
                body = {
                    name: value
                    for name, value in job.items()
                    if name not in ("id", "lifecycle", "permissions")
                }
                request = {"method": "POST", "path": "/api/2.2/jobs/create", "body": body}
                file.write(json.dumps(request, indent=2, sort_keys=True) + "\n")
                created.add(key)
    known.write_text("\n".join(created))


class Server:
    """Answers calls of ``client.py`` at a socket."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)

    def serve(self) -> None:
        """Answer calls, each in a child, until the process ends."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = self._listener.accept()
            if os.fork() == 0:
                self._listener.close()
                self._answer(connection)
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        code = 70
        try:
            message, descriptors, _, _ = socket.recv_fds(connection, 2**20, 3)
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
            call = json.loads(message)
            os.chdir(call["folder"])
            os.environ.clear()
            os.environ.update(call["environment"])
            code = main(call["arguments"])
        except Exception:
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            connection.sendall(bytes([code]))
            os._exit(0)


if __name__ == "__main__":
    Server(Path(sys.argv[1])).serve()
