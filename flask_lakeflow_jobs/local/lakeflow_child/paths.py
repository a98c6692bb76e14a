"""Paths of the workspace, and the files of this machine that they stand for."""

from __future__ import annotations

import os

NOTEBOOK_EXTENSIONS = (".py", ".ipynb", ".sql", ".r", ".scala")


def to_local_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of the workspace, with or without ``/Workspace``; keep any other path."""
    normalized = os.path.normpath(path)
    for mount, folder in mounts.items():
        for prefix in (mount, mount.removeprefix("/Workspace")):
            if normalized == prefix or normalized.startswith(prefix + "/"):
                local = folder + normalized[len(prefix) :]
                # /Users/me may as well be a folder of this machine.
                is_unclear = prefix != mount and prefix.count("/") == 1
                if not is_unclear or os.path.isdir(os.path.dirname(local)):
                    return local
    return path


def to_workspace_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of this machine to one of the workspace, without ``/Workspace``."""
    for mount, folder in mounts.items():
        if path.startswith(folder + "/"):
            return mount.removeprefix("/Workspace") + path[len(folder) :]
    return path


def find_notebook(caller: str, path: str, mounts: dict[str, str]) -> str:
    """Find the file of a notebook, whose path usually lacks its extension.

    :param caller: the notebook that a relative path starts from.
    """
    base = os.path.normpath(os.path.join(os.path.dirname(caller), to_local_path(path, mounts)))
    for candidate in (base, *(base + extension for extension in NOTEBOOK_EXTENSIONS)):
        if os.path.isfile(candidate):
            return candidate
    raise FileNotFoundError(f"There is no notebook {path!r} (expected at {base}).")
