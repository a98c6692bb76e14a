"""``python -m flask_lakeflow_jobs.local``: a local workspace in the foreground."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from . import Address, BundleError, Workspace, WorkspaceError
from .bundle.documents import find_root_file
from .bundle.variables import set_variables
from .folder import WorkspaceFolder

_CHECK_INTERVAL_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal arrives, or until the workspace was idle for ``--idle-exit``.

    :return: the exit code: 1 if it could not start or its server failed.
    """
    options = _parse(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # No Event: a signal handler that sets one may wait for a lock that its own thread holds.
    stopped = threading.Lock()
    stopped.acquire()

    def stop(*_: object) -> None:
        with suppress(RuntimeError):  # another signal came before
            stopped.release()

    # A thread of uWSGI blocks all signals, and so does a process that it starts.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    beside_bundle = find_root_file(Path(options.bundle)).parent / ".lakeflow"
    folder = WorkspaceFolder(options.folder or beside_bundle)
    workspace = Workspace(
        options.bundle,
        folder.path,
        target=options.target,
        port=options.port,
        install=options.install,
    )
    try:
        address = workspace.start()
    except (BundleError, WorkspaceError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.port and not address.host.endswith(f":{options.port}"):
        workspace.stop()
        print(f"Port {options.port} is not free. Choose another --port.", file=sys.stderr)
        return 1
    if not options.quiet:
        _print_exports(address, workspace)
    is_serving = True
    while not stopped.acquire(timeout=_CHECK_INTERVAL_SECONDS):
        if not (is_serving := workspace.is_serving):
            break  # the server has logged why; the next client starts another workspace
        if options.idle_exit and workspace.idle_seconds > options.idle_exit:
            break
        if not _is_own(folder):
            break  # the folder was removed, or others may write to it
    workspace.stop()
    return 0 if is_serving else 1


def _is_own(folder: WorkspaceFolder) -> bool:
    try:
        return (folder.read_address() or {}).get("pid") == os.getpid()
    except WorkspaceError:
        return False


def _print_exports(address: Address, workspace: Workspace) -> None:
    lines = [f"DATABRICKS_HOST={address.host}", f"DATABRICKS_TOKEN={address.token}"]
    for key, job in workspace.registry.bundle.jobs.items():
        name = re.sub(r"\W", "_", key.upper())
        lines.append(f"DATABRICKS_JOB_{name}={job.job_id}")
    print("".join(f"export {line}\n" for line in lines), end="", flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flask_lakeflow_jobs.local",
        description="Run a local workspace with the jobs of a databricks.yml bundle.",
    )
    parser.add_argument("--bundle", required=True, help="the databricks.yml, or its folder")
    parser.add_argument(
        "--folder", help="folder for runs and their data (default: .lakeflow beside databricks.yml)"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the export lines")
    parser.add_argument("--target", help="target of the bundle")
    parser.add_argument(
        "--var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a variable of the bundle (repeatable)",
    )
    parser.add_argument("--install", action="store_true", help="install the packages of tasks")
    parser.add_argument("--port", type=int, help="port to listen on (default: the last one)")
    parser.add_argument(
        "--idle-exit",
        type=float,
        metavar="SECONDS",
        help="exit after this time without requests and runs (default: never)",
    )
    options = parser.parse_args(arguments)
    try:
        set_variables(options.var)
    except BundleError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    sys.exit(main())
