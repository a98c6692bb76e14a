"""An environment of its own for each client, kept from one run of the tests to the next."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2] / ".tox" / "client-environments"
_PATIENCE = 600  # seconds that an installation may take


class NotInstallable(Exception):
    """A client cannot be installed here. The message says why."""


def python_with(name: str, *requirements: str) -> Path:
    """An interpreter with a client, at the newest versions that the requirements allow.

    :param name: of the environment.
    :param requirements: as pip knows them.
    :return: the interpreter; the client's commands stand beside it.
    :raises NotInstallable: there is no uv, or it fails.
    """
    folder = _ROOT / name
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        _run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], _ROOT)
    install = ["uv", "pip", "install", "--quiet", "--upgrade", "--python", str(interpreter)]
    _run([*install, *requirements], _ROOT)
    return interpreter


def node_with(name: str, *packages: str) -> Path:
    """A folder with packages from npm, at their newest versions.

    :param name: of the environment.
    :param packages: as npm knows them.
    :return: the folder; what runs there finds the packages.
    :raises NotInstallable: there is no npm, or it fails.
    """
    folder = _ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    newest = [f"{package}@latest" for package in packages]
    _run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *newest], folder)
    return folder


def _run(command: Sequence[str], folder: Path) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise NotInstallable(f"{command[0]} is not installed.")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        ended = subprocess.run(
            [program, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"{' '.join(command)} took over {_PATIENCE} seconds.") from None
    if ended.returncode:
        raise NotInstallable(f"{' '.join(command)} failed: {ended.stderr[-2000:]}")
