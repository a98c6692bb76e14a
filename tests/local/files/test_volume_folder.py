"""Paths of the files of users, and the folders of this machine that hold them."""

from __future__ import annotations

import string
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.errors import ApiError
from flask_lakeflow_jobs.local.files.volume_folder import (
    MAX_NAME_BYTES,
    Folder,
    join_path,
    parse_path,
)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/", ()),
        ("//", ()),
        ("/a", ("a",)),
        ("//a/./b//c/", ("a", "b", "c")),
        ("/a b/ü/📁/...", ("a b", "ü", "📁", "...")),
        ("/%2e%2e/~/C:\\x", ("%2e%2e", "~", "C:\\x")),
        ("/" + "é" * (MAX_NAME_BYTES // 2), ("é" * (MAX_NAME_BYTES // 2),)),
    ],
)
def test_path_has_parts(path: str, parts: tuple[str, ...]) -> None:
    assert parse_path(path) == parts


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "Missing required field: path"),
        ("", "Missing required field: path"),
        ("a/b", "path has to be an absolute path: it begins with '/'."),
        ("file:/etc/passwd", "path has to be an absolute path"),
        ("/..", "path contains '..'"),
        ("/a/../../b", "path contains '..'"),
        ("/a/..", "path contains '..'"),
        ("/a\0b", "path contains a character"),
        ("/a\nb", "path contains a character"),
        ("/a\udcff", "path contains a character"),
        ("/" + "a" * (MAX_NAME_BYTES + 1), "path has a name that is longer than 240 bytes."),
        ("/" + "é" * (MAX_NAME_BYTES // 2 + 1), "path has a name that is longer"),
        ("/" + "a/" * 3000, "path is longer than 2,048 bytes."),
        ("/a" * 101, "path has more than 100 levels."),
    ],
)
def test_hostile_path_is_refused(path: str | None, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_path(path)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_PARAMETER_VALUE")
    assert message in caught.value.message


@given(st.text(st.sampled_from("./\\ \0é~" + string.ascii_letters)))
def test_parts_are_plain_names(path: str) -> None:
    try:
        parts = parse_path(path)
    except ApiError:
        return
    assert not {"", ".", ".."} & set(parts)
    assert not any("/" in part or "\0" in part for part in parts)
    assert parse_path(join_path(parts)) == parts


@pytest.mark.parametrize(
    ("path", "stripped"),
    [
        ("/data/dbfs/a/b", "/a/b"),
        ("/data/dbfs", "/"),
        ("/data/dbfs2/a", "/data/dbfs2/a"),
        ("/a/data/dbfs/b", "/a/data/dbfs/b"),
    ],
)
def test_path_of_this_machine_is_one_in_the_folder(path: str, stripped: str) -> None:
    assert Folder(Path("/data/dbfs"), Path("/data/unfinished")).strip(path) == stripped


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
