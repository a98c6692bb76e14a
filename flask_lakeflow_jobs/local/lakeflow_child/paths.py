"""Paths of the workspace, and the files of this machine that they stand for."""

from __future__ import annotations

import os

_HOMES = ("/Workspace/Users", "/Workspace/Shared", "/Workspace/Repos")


def to_local_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of the workspace, with or without ``/Workspace``; keep any other path."""
    normalized = os.path.normpath(path)
    for mount, folder in mounts.items():
        for prefix in (mount, mount.removeprefix("/Workspace")):
            if normalized == prefix or normalized.startswith(prefix + "/"):
                local = folder + normalized[len(prefix) :]
                copy = _find_copy(normalized, local, mounts) if mount in _HOMES else local
                # /Users/me may as well be a folder of this machine.
                is_unclear = copy == local and prefix != mount and prefix.count("/") == 1
                if not is_unclear or os.path.isdir(os.path.dirname(local)):
                    return copy
    return path


def create_volume(path: str, mounts: dict[str, str]) -> None:
    """Create the volume of a path of the workspace, as if it were deployed."""
    _, root, *parts = os.path.normpath(path).split("/")
    if root == "Volumes" and len(parts) >= 3:
        os.makedirs(os.path.join(mounts["/Volumes"], *parts[:3]), exist_ok=True)


def _find_copy(path: str, local: str, mounts: dict[str, str]) -> str:
    """Return the file of the bundle, if a path leads to the author's copy of it, else ``local``.

    The copy is a deployment, or a Git folder of the name that the folder of the bundle has. Only
    what exists is found, so that other files are written where they belong.
    """
    if os.path.exists(local):
        return local
    _, home, *parts = path.removeprefix("/Workspace").split("/")
    parts = parts[home != "Shared" :]
    deployed = [each for each in mounts if each.startswith("/Workspace/") and each not in _HOMES]
    for root in (mounts[each] for each in deployed):
        if parts[:1] == [".bundle"] and parts[3:4] == ["files"]:
            inner = parts[4:]
        elif parts[:1] == [os.path.basename(root)]:
            inner = parts[1:]
        else:
            continue
        if os.path.exists(candidate := os.path.join(root, *inner)):
            return candidate
    return local


def to_workspace_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of this machine to one of the workspace, without ``/Workspace``."""
    for mount, folder in mounts.items():
        if path.startswith(folder + "/"):
            return mount.removeprefix("/Workspace") + path[len(folder) :]
    return path


def to_address(path: str, mounts: dict[str, str]) -> str:
    """Return the address of a file of a volume or of DBFS, as Spark and ``dbutils.fs`` write it.

    :return: such as ``dbfs:/Volumes/main/raw/in/a.csv``; for any other file, its path.
    """
    for mount, folder in mounts.items():
        if path.startswith(f"{folder}/") and not mount.startswith("/Workspace/"):
            return f"dbfs:{mount.removeprefix('/dbfs')}{path[len(folder) :]}"
    return path
