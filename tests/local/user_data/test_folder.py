"""Folders of this machine that hold a file system of the workspace."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from flask_lakeflow_jobs.local.user_data.folder import Folder


def test_folder_of_many_levels_is_removed_or_kept(tmp_path: Path) -> None:
    """Moves, and tasks, make more levels than a path of a request may have."""
    folder = Folder(tmp_path, tmp_path / "unfinished")
    levels = [tmp_path / "a"]
    while len(str(levels[-1])) < 3000:
        levels.append(levels[-1] / "a")
    for level in levels:
        level.mkdir()
    with suppress(OSError):  # and no RecursionError
        folder.remove(("a",), recursive=True)
    for level in reversed(levels):  # pytest could not remove them either
        with suppress(FileNotFoundError):
            level.rmdir()
    assert not levels[0].exists()
