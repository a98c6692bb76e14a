"""Finding the workspace of a folder, or starting one that outlives whoever asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .bundle.documents import find_root_file
from .bundle.variables import hash_variables, read_target
from .home import Address, WorkspaceError, WorkspaceFolder

__all__ = ["Address", "WorkspaceError", "ensure_workspace", "stop_workspace"]
_IDLE_EXIT = 30 * 60  # seconds without requests and runs after which a workspace nobody holds ends
_WAIT_SECONDS = 30.0  # seconds that a workspace may take to stop
_POLL_INTERVAL_SECONDS = 0.01  # seconds between two looks at another process
_STOP = "flask jobs local --stop"
_LOG_TAIL = 2000  # characters of the log that an error quotes


def ensure_workspace(folder: str | Path, bundle: str | Path, *, timeout: float = 30.0) -> Address:
    """Find the workspace of a folder, or start one. Any number of processes may call this at once.

    :param folder: where the workspace keeps its runs.
    :param bundle: the ``databricks.yml`` that it serves.
    :param timeout: seconds to wait for one that is starting.
    :return: where it answers.
    :raises WorkspaceError: it does not come up, or serves another bundle, or another target of it.
    """
    place = WorkspaceFolder(folder)
    wanted = find_root_file(Path(bundle))
    if (running := _running(place, wanted)) is not None:
        return running
    place.create()
    with place.start_lock(timeout):
        # Somebody else may have started it while this call waited for its turn.
        if (running := _running(place, wanted)) is not None:
            return running
        return _start(place, wanted, timeout)


def stop_workspace(folder: str | Path) -> bool:
    """Stop the workspace of a folder; tasks that are going are ended.

    :return: whether there was one.
    :raises WorkspaceError: it is part of this very process, or does not stop.
    """
    place = WorkspaceFolder(folder)
    content = place.read_address()
    if not place.is_served() or content is None:
        return False
    pid = int(content["pid"])
    if pid == os.getpid():
        raise WorkspaceError(
            f"The workspace in {place.path} is part of this process. Call its stop()."
        )
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    if not _comes_about(lambda: not place.is_served(), _WAIT_SECONDS):
        raise WorkspaceError(
            f"The workspace in {place.path} (process {pid}) does not stop. Look into {place.log}."
        )
    return True


def _running(place: WorkspaceFolder, bundle: Path) -> Address | None:
    content = place.read_address()
    if content is None or not place.is_served():
        return None
    if content["bundle"] != str(bundle):
        raise WorkspaceError(
            f"The workspace in {place.path} serves {content['bundle']}, not {bundle}. "
            "Stop that one first, or name another folder."
        )
    _check_same_reading(place, content)
    return Address(content["host"], content["token"], int(content["pid"]))


def _check_same_reading(place: WorkspaceFolder, content: Mapping[str, Any]) -> None:
    """Refuse a workspace that has read the bundle otherwise than is asked for here."""
    stop = f"Stop that one first: {_STOP}."
    served = content.get("target", "")
    wanted = read_target() or content.get("default_target", "")
    if wanted != served:
        raise WorkspaceError(
            f"The workspace in {place.path} serves target {served}, not {wanted or 'the default'}. "
            f"{stop}"
        )
    if content.get("variables", hash_variables()) != hash_variables():
        raise WorkspaceError(
            f"The workspace in {place.path} has other values of variables (BUNDLE_VAR_…) than are "
            f"set here. {stop}"
        )


def _start(place: WorkspaceFolder, bundle: Path, timeout: float) -> Address:
    deadline = time.monotonic() + timeout
    # A process that has the folder but shows no address is about to come or to go.
    _comes_about(
        lambda: not place.is_served() or _running(place, bundle) is not None,
        timeout,
    )
    if (running := _running(place, bundle)) is not None:
        return running
    _check_installed()
    place.remove_address()
    process = _launch(place, bundle)
    _comes_about(
        lambda: (
            _running(place, bundle) is not None
            or (process.poll() is not None and not place.is_served())
        ),
        deadline - time.monotonic(),
    )
    if (running := _running(place, bundle)) is not None:
        # It is nobody's child to wait for: told so, Popen does not warn about it at exit.
        process.returncode = 0
        return running
    if process.poll() is not None:
        raise WorkspaceError(f"The local workspace did not start: {_log_tail(place)}")
    process.kill()
    process.wait()
    raise WorkspaceError(
        f"The local workspace did not answer within {timeout:g} seconds. "
        f"Its log {place.log} ends with: {_log_tail(place)}"
    )


def _check_installed() -> None:
    missing = [name for name in ("yaml", "waitress") if find_spec(name) is None]
    if missing:
        raise WorkspaceError(
            f"The local workspace needs {' and '.join(missing)}. "
            "Install them with: pip install 'flask-lakeflow-jobs[local]'."
        )


def _launch(place: WorkspaceFolder, bundle: Path) -> subprocess.Popen[bytes]:
    options = {"--bundle": bundle, "--folder": place.path, "--idle-exit": _IDLE_EXIT}
    command = [sys.executable, "-m", "flask_lakeflow_jobs.local", "--quiet"]
    for option, value in options.items():
        command += [option, str(value)]
    with place.create_log() as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _comes_about(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait for what another process does; nothing but its files tells of it.

    :param timeout: seconds to wait.
    :return: whether it came about.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_INTERVAL_SECONDS)
    return True


def _log_tail(place: WorkspaceFolder) -> str:
    try:
        text = place.log.read_text(errors="replace").strip()
    except OSError:
        text = ""
    return text[-_LOG_TAIL:] or f"it left no message in {place.log}."
