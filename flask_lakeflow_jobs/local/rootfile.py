"""The file with which a bundle begins."""

from __future__ import annotations

import os
from pathlib import Path

ROOT_FILES = ("databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml")
"""The names that the CLI looks for (its ``bundle/config/filename.go``)."""


def root_file(path: Path) -> Path:
    """The root file of a bundle that is named by that file, or by the folder in which it stands;
    an absolute path without detours.
    """
    path = Path(os.path.abspath(path))
    if not path.is_dir():
        return path
    candidates = [path / name for name in ROOT_FILES]
    return next((file for file in candidates if file.is_file()), candidates[0])
