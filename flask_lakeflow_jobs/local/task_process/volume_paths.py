"""Lets Python's own functions open ``/Volumes/…``, a path that exists on Databricks only.

Code usually gets the path of a volume as a parameter, which is a local path by then. This serves
code that writes the path itself.
"""

from __future__ import annotations

import builtins
import io
import os
from functools import partial

from .paths import VOLUMES, to_local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ONE_PATH = (
    *("access", "chmod", "listdir", "lstat", "mkdir", "open", "remove", "rmdir", "scandir"),
    *("stat", "unlink", "utime"),
    *("getxattr", "listxattr", "setxattr"),  # of Linux, for shutil
)
_TWO_PATHS = ("rename", "replace")


def serve_volume_paths(mounts: dict[str, str]) -> None:
    """Let ``open`` and functions of ``os`` take paths of volumes in this process."""
    exists = os.path.exists
    own = {each for each in _list_folders(VOLUMES) if exists(f"{VOLUMES}/{each}")}

    def translate(path: Any) -> Any:
        text = os.fspath(path) if hasattr(path, "__fspath__") else path
        if not isinstance(text, str) or not text.startswith(f"{VOLUMES}/"):
            return path
        # This machine may have the path: by a link, or as a disk of macOS.
        return path if text.split("/")[2] in own else to_local_path(text, mounts)

    # Not functions: pathlib of Python 3.10 keeps some in a class, where those become methods.
    builtins.open = io.open = partial(_call, io.open, translate, 1)
    for count, names in ((1, _ONE_PATH), (2, _TWO_PATHS)):
        for name in filter(os.__dict__.__contains__, names):
            setattr(os, name, partial(_call, getattr(os, name), translate, count))


def _list_folders(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _call(
    function: Callable[..., Any],
    translate: Callable[[Any], Any],
    count: int,
    *arguments: Any,
    **named: Any,
) -> Any:
    paths = map(translate, arguments[:count])
    return function(*paths, *arguments[count:], **named)
