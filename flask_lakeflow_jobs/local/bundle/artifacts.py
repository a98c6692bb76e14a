"""The projects whose wheels a bundle builds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .yaml import LocatedDict

# The members of a uv workspace. Reading TOML needs Python 3.11.
_MEMBERS = re.compile(r"\[tool\.uv\.workspace\](?:(?!\n\[).)*?\nmembers\s*=\s*\[(.*?)\]", re.DOTALL)


def find_built_projects(tree: LocatedDict, root: Path) -> Iterator[Path]:
    """Yield the folder of each artifact, and those that its build command is about.

    These are the folders that it names, and the members of the uv workspace if it builds them.
    """
    artifacts = tree.get("artifacts")
    for artifact in artifacts.values() if isinstance(artifacts, LocatedDict) else ():
        if not isinstance(artifact, LocatedDict):
            continue
        folder = root
        if isinstance(path := artifact.get("path"), str):
            folder = artifact.locations["path"][0].parent / path
        build = str(artifact.get("build", ""))
        for each in ("", *re.findall(r"(?<![\w./-])[\w.][\w./-]*", build)):
            if (folder / each).is_dir():
                yield Path(os.path.normpath(folder / each))
        if re.search(r"\buv build\b.* --(?:all-packages|package)\b", build):
            yield from _find_workspace_members(folder)


def _find_workspace_members(folder: Path) -> Iterator[Path]:
    """Yield the projects of the uv workspace that a folder is in."""
    for root in (folder, *folder.parents):
        # It has no such file, or members that are no relative patterns.
        with suppress(OSError, ValueError, NotImplementedError):
            text = (root / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
            if match := _MEMBERS.search(text):
                members = (each for _, each in re.findall(r"""(["'])(.+?)\1""", match[1]))
                yield from (each for member in members for each in sorted(root.glob(member)))
                return
