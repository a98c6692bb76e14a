"""Paths of the workspace, and the files of this machine that they stand for."""

from __future__ import annotations

import os

_TITLE = b" Databricks notebook source"
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


def is_notebook(file: str) -> bool:
    """Return whether a file is a notebook."""
    with open(file, "rb") as opened:
        return file.endswith(".ipynb") or _TITLE in opened.readline()


def find_notebook(caller: str, path: str, mounts: dict[str, str]) -> str:
    """Find the file of a notebook, whose path usually lacks its extension.

    :param caller: the notebook that a relative path starts from.
    """
    base = os.path.normpath(os.path.join(os.path.dirname(caller), to_local_path(path, mounts)))
    named = (base + extension for extension in NOTEBOOK_EXTENSIONS)
    files = [base] if os.path.isfile(base) else [each for each in named if os.path.isfile(each)]
    # A notebook comes before a plain file of the same name.
    if files:
        return next(filter(is_notebook, files), files[0])
    raise FileNotFoundError(f"There is no notebook {path!r} (expected at {base}).")
