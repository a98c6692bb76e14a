"""Paths of workspace files, DBFS and volumes. Pure."""

from __future__ import annotations

import re

from ..errors import InvalidParameterValue

MAX_PATH_BYTES = 2048  # so that it fits into a folder of this machine
MAX_LEVELS = 100
#: Of one part of a path. The files of notebooks and unfinished files need a few bytes more.
MAX_NAME_BYTES = 240

#: The parts of a path, from its root on.
Parts = tuple[str, ...]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def parse_path(path: str | None, name: str = "path") -> Parts:
    """Split an absolute path into its parts.

    :param name: of the field, for errors.
    :raises ApiError: the path is missing, or could lead somewhere else.
    """
    if not path:
        raise InvalidParameterValue(f"Missing required field: {name}")
    if not path.startswith("/"):
        raise InvalidParameterValue(f"{name} has to be an absolute path: it begins with '/'.")
    if _CONTROL.search(path):
        raise InvalidParameterValue(f"{name} contains a character that no path may contain.")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise InvalidParameterValue(f"{name} contains '..'. Write the path without it.")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise InvalidParameterValue(
            f"{name} has a name that is longer than {MAX_NAME_BYTES} bytes."
        )
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidParameterValue(f"{name} is longer than {MAX_PATH_BYTES:,} bytes.")
    if len(parts) > MAX_LEVELS:
        raise InvalidParameterValue(f"{name} has more than {MAX_LEVELS} levels.")
    return parts


def join_path(parts: Parts) -> str:
    """Return the path with these parts."""
    return "/" + "/".join(parts)
