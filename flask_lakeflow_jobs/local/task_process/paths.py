"""Paths of the workspace, such as ``/Volumes/main/raw/in/day.csv``, and the files they stand for.

On a cluster these are paths of the machine. Here they stand for other folders, the mounts: local
folders by their paths in the workspace.
"""

from __future__ import annotations

import os

#: The mount of all volumes.
VOLUMES = "/Volumes"


def to_local_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of the workspace, with or without ``/Workspace``; keep any other path.

    A volume is created once it is named, as if it were deployed.
    """
    normalized = os.path.normpath(path.removeprefix("dbfs:"))
    for mount, folder in mounts.items():
        for prefix in (mount, mount.removeprefix("/Workspace")):
            if normalized == prefix or normalized.startswith(prefix + "/"):
                if mount == VOLUMES:
                    create_volume(normalized, folder)
                return folder + normalized[len(prefix) :]
    return path


def create_volume(path: str, folder: str) -> None:
    """Create the volume of a path, if it names one.

    :param folder: the one of all volumes.
    """
    _, root, *parts = os.path.normpath(path).split("/")
    if f"/{root}" == VOLUMES and len(parts) >= 3:
        os.makedirs(os.path.join(folder, *parts[:3]), exist_ok=True)


def to_workspace_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of this machine to one of the workspace, without ``/Workspace``."""
    for mount, folder in mounts.items():
        if path.startswith(folder + "/"):
            return mount.removeprefix("/Workspace") + path[len(folder) :]
    return path
