"""Entry points of a package that no wheel has been built of yet, from its project's files."""

from __future__ import annotations

import os
import re

_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


def declared_entry_point(folders: list[str], package: str, name: str) -> tuple[str, str] | None:
    """The module and the function of an entry point, if a project among the folders declares it.

    The three kinds of files all write ``name = module:function``, in quotes or not.

    :param package: the package's name; where several projects declare the entry point, it tells
        which one is meant.
    """
    declaration = re.compile(
        rf"""(?<![\w.-])["']?{re.escape(name)}["']?\s*=\s*["']?([\w.]+):(\w+)"""
    )
    spelled = re.sub(r"[-_.]+", "[-_.]+", package)
    own_name = re.compile(rf"""^\s*name\s*=\s*["']?{spelled}["']?\s*,?\s*$""", re.M | re.I)
    found = None
    for folder in folders:
        for file in _FILES:
            text = _read(os.path.join(folder, file))
            if match := declaration.search(text):
                if own_name.search(text):
                    return match[1], match[2]
                found = found or (match[1], match[2])
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeError):
        return ""
