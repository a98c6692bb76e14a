"""The background process of a workspace: find it, start it, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .bundle.documents import find_root_file
from .bundle.variables import hash_variables, read_target
from .folder import Address, WorkspaceError, WorkspaceFolder
from .subprocesses import PYTHON

_IDLE_EXIT_SECONDS = 30 * 60
# For a workspace to start, or to stop.
_TIMEOUT_SECONDS = 30.0
_POLL_INTERVAL_SECONDS = 0.01
_MAX_LOG_TAIL_CHARACTERS = 2000
_STOP = "Stop it first: flask jobs local --stop."


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The workspace that a process needs.

    :param bundle: its root file.
    :param install: whether it installs the packages of tasks.
    """

    bundle: Path
    install: bool


def ensure_workspace(folder: str | Path, bundle: str | Path, *, install: bool = False) -> Address:
    """Return the address of a folder's workspace; start the workspace if it does not run.

    Any number of processes may call this at once.

    :param folder: where the workspace keeps its runs.
    :param bundle: the ``databricks.yml`` to serve.
    :param install: install the packages that tasks list.
    :raises WorkspaceError: it does not start, or serves another bundle, target or variables.
    """
    home = WorkspaceFolder(folder)
    wanted = _Wanted(find_root_file(Path(bundle)), install)
    if (address := _find_running(home, wanted)) is not None:
        return address
    home.create()
    try:
        with home.start_lock(_TIMEOUT_SECONDS):
            # Another process may have started it while this one waited for the lock.
            if (address := _find_running(home, wanted)) is not None:
                return address
            return _start(home, wanted)
    except OSError as error:
        raise home.unusable(error) from error


def stop_workspace(folder: str | Path) -> bool:
    """Stop the workspace of a folder and its running tasks.

    :return: whether it was running.
    :raises WorkspaceError: it is part of this process, or does not stop.
    """
    home = WorkspaceFolder(folder)
    content = home.read_address()
    if not home.is_served() or content is None:
        return False
    pid: int = content["pid"]
    if pid == os.getpid():
        raise WorkspaceError(
            f"The workspace in {home.path} is part of this process. Call its stop()."
        )
    try:
        os.kill(pid, signal.SIGCONT)  # it may be suspended
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    if not _wait_for(lambda: not home.is_served(), _TIMEOUT_SECONDS):
        raise WorkspaceError(
            f"The workspace in {home.path} (process {pid}) does not stop. See {home.log}."
        )
    return True


def _find_running(home: WorkspaceFolder, wanted: _Wanted) -> Address | None:
    content = home.read_address()
    if content is None or not home.is_served():
        return None
    if content["bundle"] != str(wanted.bundle):
        raise WorkspaceError(
            f"The workspace in {home.path} serves {content['bundle']}, not {wanted.bundle}. "
            "Stop it first, or use another folder."
        )
    if content.get("install", wanted.install) != wanted.install:
        raise WorkspaceError(
            f"The workspace in {home.path} was started with another LAKEFLOW_JOBS_LOCAL_INSTALL. "
            f"{_STOP}"
        )
    _check_target_and_variables(home, content)
    return Address(content["host"], content["token"], content["pid"])


def _check_target_and_variables(home: WorkspaceFolder, content: Mapping[str, Any]) -> None:
    served = content.get("target", "")
    target = read_target() or content.get("default_target", "")
    if target != served:
        raise WorkspaceError(
            f"The workspace in {home.path} serves target {served}, not {target or 'the default'}. "
            f"{_STOP}"
        )
    if content.get("variables", hash_variables()) != hash_variables():
        raise WorkspaceError(
            f"The workspace in {home.path} has other values of variables (BUNDLE_VAR_…) than "
            f"this process. {_STOP}"
        )


def _start(home: WorkspaceFolder, wanted: _Wanted) -> Address:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    # A process that serves the folder without an address is starting or stopping.
    _wait_for(
        lambda: not home.is_served() or _find_running(home, wanted) is not None,
        _TIMEOUT_SECONDS,
    )
    if (address := _find_running(home, wanted)) is not None:
        return address
    _check_installed()
    home.remove_address()
    process = _launch(home, wanted)
    _wait_for(
        lambda: (
            _find_running(home, wanted) is not None
            or (process.poll() is not None and not home.is_served())
        ),
        deadline - time.monotonic(),
    )
    if (address := _find_running(home, wanted)) is not None:
        # If it ends before this process does, somebody has to take its exit status.
        threading.Thread(target=process.wait, name="workspace exit", daemon=True).start()
        return address
    if process.poll() is not None:
        raise WorkspaceError(f"The local workspace did not start: {_read_log_tail(home)}")
    process.kill()
    process.wait()
    raise WorkspaceError(
        f"The local workspace did not start within {_TIMEOUT_SECONDS:g} seconds. "
        f"Its log {home.log} ends with: {_read_log_tail(home)}"
    )


def _check_installed() -> None:
    missing = [name for name in ("yaml", "waitress") if find_spec(name) is None]
    if missing:
        raise WorkspaceError(
            f"The local workspace needs {' and '.join(missing)}. "
            "Install them with: pip install 'flask-lakeflow-jobs[local]'."
        )


def _launch(home: WorkspaceFolder, wanted: _Wanted) -> subprocess.Popen[bytes]:
    options = {"--bundle": wanted.bundle, "--folder": home.path, "--idle-exit": _IDLE_EXIT_SECONDS}
    command = [PYTHON, "-m", "flask_lakeflow_jobs.local", "--quiet"]
    for option, value in options.items():
        command += [option, str(value)]
    if wanted.install:
        command.append("--install")
    with home.create_log() as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait for a change that another process makes to the folder.

    :return: whether the condition became true within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_INTERVAL_SECONDS)
    return True


def _read_log_tail(home: WorkspaceFolder) -> str:
    try:
        text = home.log.read_text(errors="replace").strip()
    except OSError:
        text = ""
    return text[-_MAX_LOG_TAIL_CHARACTERS:] or f"{home.log} is empty. Its disk may be full."
