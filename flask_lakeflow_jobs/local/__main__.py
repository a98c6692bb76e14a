"""``python -m flask_lakeflow_jobs.local``: a workspace in the foreground."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from .bundle.errors import BundleError
from .home import Address, WorkspaceError, WorkspaceFolder
from .workspace import Workspace

_LOOK_AROUND = 1.0  # seconds between two looks whether anybody still needs this process


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes, or until nobody has needed the workspace for ``--idle-exit``.

    :return: the exit code: 1 if it could not start, or if its server broke down.
    """
    options = _parse(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    os.environ.update({f"BUNDLE_VAR_{name}": value for name, value in options.var})
    folder = WorkspaceFolder(options.folder or Path(options.bundle).absolute().parent / ".lakeflow")
    workspace = Workspace(options.bundle, folder.path, target=options.target, port=options.port)
    try:
        address = workspace.start()
    except (BundleError, WorkspaceError) as error:
        print(error, file=sys.stderr)
        return 1
    if not options.quiet:
        _print_exports(address, workspace)
    is_sound = True
    while not stopped.wait(_LOOK_AROUND):
        if not (is_sound := workspace.is_serving):
            break  # the log says why; whoever needs a workspace next starts another
        if options.idle_exit and workspace.idle_seconds > options.idle_exit:
            break
        if (folder.read_address() or {}).get("pid") != os.getpid():
            break  # the folder was removed under the workspace
    workspace.stop()
    return 0 if is_sound else 1


def _print_exports(address: Address, workspace: Workspace) -> None:
    lines = [f"DATABRICKS_HOST={address.host}", f"DATABRICKS_TOKEN={address.token}"]
    for key, job in workspace.registry.bundle.jobs.items():
        name = re.sub(r"\W", "_", key.upper())
        lines.append(f"DATABRICKS_JOB_{name}={job.job_id}")
    print("".join(f"export {line}\n" for line in lines), end="", flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flask_lakeflow_jobs.local",
        description="Serve the jobs of a databricks.yml bundle as a Databricks workspace would.",
    )
    parser.add_argument("--bundle", required=True, help="the databricks.yml, or its folder")
    parser.add_argument(
        "--folder", help="where runs are kept (default: .lakeflow beside the bundle)"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the lines to export")
    parser.add_argument("--target", help="the target of the bundle")
    parser.add_argument(
        "--var",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="the value of a variable of the bundle (repeatable)",
    )
    parser.add_argument("--port", type=int, help="the port to listen on (default: the last one)")
    parser.add_argument(
        "--idle-exit",
        type=float,
        metavar="SECONDS",
        help="end after so long without requests and runs (default: never)",
    )
    return parser.parse_args(arguments)


def _variable(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
