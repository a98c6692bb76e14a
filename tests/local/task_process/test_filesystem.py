"""``dbutils.fs``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.filesystem import FileSystemUtils


@pytest.fixture
def fs(tmp_path: Path) -> FileSystemUtils:
    """A file system with a mount for volumes and a folder for DBFS."""
    return FileSystemUtils({"/Volumes": str(tmp_path / "volumes")}, str(tmp_path / "dbfs"))


@pytest.mark.parametrize(
    ("path", "file", "address"),
    [
        ("/Volumes/main/x/in/a.txt", "volumes/main/x/in/a.txt", "dbfs:/Volumes/main/x/in/a.txt"),
        ("dbfs:/Volumes/main/x/in/a.txt", "volumes/main/x/in/a.txt", ""),
        ("dbfs:/out/a.txt", "dbfs/out/a.txt", ""),
        ("/out/a.txt", "dbfs/out/a.txt", "dbfs:/out/a.txt"),
        ("out/a.txt", "dbfs/out/a.txt", "dbfs:/out/a.txt"),
        ("/Volumes2/a.txt", "dbfs/Volumes2/a.txt", "dbfs:/Volumes2/a.txt"),
        ("{tmp_path}/volumes/a.txt", "volumes/a.txt", "dbfs:/Volumes/a.txt"),
        ("file:{tmp_path}/a.txt", "a.txt", ""),
    ],
)
def test_path_leads_to_a_file_of_this_machine(
    fs: FileSystemUtils, tmp_path: Path, path: str, file: str, address: str
) -> None:
    path = path.format(tmp_path=tmp_path)
    assert fs.put(path, "hello")
    assert (tmp_path / file).read_text() == "hello"
    assert fs.head(path, 4) == fs.head(path, max_bytes=4) == fs.head(path, maxBytes=4) == "hell"
    assert [each.path for each in fs.ls(path)] == [address or path]


@pytest.mark.parametrize("path", ["/", "dbfs:/", "/Volumes"])
def test_root_of_a_new_workspace_is_empty(fs: FileSystemUtils, path: str) -> None:
    assert fs.ls(path) == []
    with pytest.raises(FileNotFoundError):
        fs.ls("dbfs:/none")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("ls", ("/in",)), ("head", ("/in",)), ("cp", ("/in", "/out")), ("mv", ("/in", "/out"))],
)
def test_missing_file_is_the_error_that_code_looks_for(
    fs: FileSystemUtils, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(FileNotFoundError, match=r"java\.io\.FileNotFoundException") as caught:
        getattr(fs, name)(*arguments)
    assert caught.value.filename == str(tmp_path / "dbfs/in")
    assert not (tmp_path / "dbfs").exists()


def test_volume_exists_as_soon_as_a_path_names_it(fs: FileSystemUtils, tmp_path: Path) -> None:
    for path in ("/Volumes/main", "/Volumes/main/raw", "/Volumes/main/raw/in/2025"):
        with pytest.raises(FileNotFoundError):
            fs.ls(path)
    assert fs.ls("dbfs:/Volumes/main/raw/in") == []
    with pytest.raises(PermissionError):
        fs.ls("/Volumes/../main/raw/out")
    assert [each.path for each in fs.ls("/Volumes/main/raw/")] == ["dbfs:/Volumes/main/raw/in/"]


@pytest.mark.parametrize(
    "path",
    [
        "dbfs:/../x",
        "/../x",
        "../x",
        "/a/../../x",
        "dbfs:/../dbfs2/x",
        "/Volumes/../x",
        "/Volumes/c/s/v/../../../../x",
        "{tmp_path}/volumes/../x",
        "{tmp_path}/volumes/c/../../x",
    ],
)
def test_path_that_leads_out_is_refused(fs: FileSystemUtils, tmp_path: Path, path: str) -> None:
    path = path.format(tmp_path=tmp_path)
    fs.put("dbfs:/x", "kept")
    before = sorted(tmp_path.rglob("*"))
    calls: list[Callable[[], object]] = [
        lambda: fs.put(path, "y", overwrite=True),
        lambda: fs.mkdirs(path),
        lambda: fs.cp("dbfs:/x", path),
        lambda: fs.mv("dbfs:/x", path),
        lambda: fs.rm(path, recurse=True),
        lambda: fs.head(path),
        lambda: fs.ls(path),
    ]
    for call in calls:
        with pytest.raises(PermissionError, match=r"leads out of the file system\. Remove its"):
            call()
    assert sorted(tmp_path.rglob("*")) == before


def test_path_may_go_up_inside_its_volume(fs: FileSystemUtils) -> None:
    fs.put("/Volumes/c/s/v/a/../b.txt", "hello")
    assert fs.head("/Volumes/c/s/v/b.txt") == "hello"


def test_put_overwrites_only_on_request(
    fs: FileSystemUtils, capsys: pytest.CaptureFixture[str]
) -> None:
    fs.put("/a.txt", "é")
    with pytest.raises(FileExistsError):
        fs.put("/a.txt", "new")
    fs.put("/a.txt", "new", overwrite=True)
    assert fs.head("/a.txt") == "new"
    assert capsys.readouterr().out == "Wrote 2 bytes.\nWrote 3 bytes.\n"


def test_ls_lists_files_and_folders(fs: FileSystemUtils) -> None:
    fs.put("/x/b.txt", "hello")
    fs.mkdirs("/x/a")
    folder, file = fs.ls("dbfs:/x/")
    assert (folder.path, folder.name, folder.size) == ("dbfs:/x/a/", "a/", 0)
    assert (file.path, file.name, file.size) == ("dbfs:/x/b.txt", "b.txt", 5)
    assert folder.isDir()
    assert not folder.isFile()
    assert file.isFile()
    assert file.modificationTime > 10**12
    assert repr(file).startswith("FileInfo(path='dbfs:/x/b.txt', name='b.txt', size=5, mod")
    assert file._fields == ("path", "name", "size", "modificationTime")


def test_cp_and_mv_create_folders(fs: FileSystemUtils) -> None:
    fs.put("/x/a.txt", "hello")
    assert fs.cp("/x/a.txt", "/y/deep/a.txt")
    assert fs.cp("/x", "/z", recurse=True)
    assert fs.mv("/z/a.txt", "/w/b.txt")
    assert [fs.head(path) for path in ("/x/a.txt", "/y/deep/a.txt", "/w/b.txt")] == ["hello"] * 3
    assert fs.ls("/z") == []


def test_mv_is_a_copy_and_a_removal(fs: FileSystemUtils) -> None:
    """Files of a folder move into a folder that exists."""
    for path in ("/new/a.txt", "/new/deep/b.txt", "/x/c.txt"):
        fs.put(path, "new")
    for path in ("/day/a.txt", "/day/deep/kept.txt", "/y/c.txt"):
        fs.put(path, "old")
    assert fs.mv("/new", "/day", recurse=True)
    assert fs.mv("/x/c.txt", "/y/")
    files = ("/day/a.txt", "/day/deep/b.txt", "/day/deep/kept.txt", "/y/c.txt")
    assert [fs.head(path) for path in files] == ["new", "new", "old", "new"]
    assert [each.name for each in fs.ls("/")] == ["day/", "x/", "y/"]
    assert fs.ls("/x") == []


def test_folder_does_not_move_into_itself(fs: FileSystemUtils) -> None:
    fs.put("/a/b/c.txt", "kept")
    for target in ("/a", "/a/b", "/a/d"):
        with pytest.raises(ValueError, match="itself"):
            fs.mv("/a", target, recurse=True)
    assert fs.head("/a/b/c.txt") == "kept"


def test_rm_removes_full_folders_only_with_recurse(fs: FileSystemUtils) -> None:
    fs.put("/x/a.txt", "")
    with pytest.raises(OSError, match="not empty"):
        fs.rm("/x")
    assert fs.rm("/x/a.txt")
    assert fs.rm("/x")
    fs.put("/x/a.txt", "")
    assert fs.rm("/x", recurse=True)
    assert not fs.rm("/x")


def test_other_calls_are_not_served(fs: FileSystemUtils) -> None:
    with pytest.raises(AttributeError, match=r"^Leave dbutils\.fs\.cacheFiles out for a local run"):
        fs.cacheFiles  # noqa: B018


@pytest.mark.parametrize("name", ["mount_point", "mountPoint"])
def test_mount_is_a_folder_for_the_files_of_a_storage(
    fs: FileSystemUtils, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert fs.mounts() == []
    options: dict[str, Any] = {name: "/mnt/raw", "extra_configs": {}}
    assert fs.mount(source="wasbs://raw@a.example", **options)
    place = tmp_path / "dbfs/mnt/raw"
    assert place.is_dir()
    copy = f"Copy the files of wasbs://raw@a.example to {place}: it is not mounted here.\n"
    assert capsys.readouterr().out == copy
    (place / "a.csv").touch()
    assert [each.mountPoint for each in fs.mounts()] == ["/mnt/raw"]
    assert fs.refreshMounts()
    assert fs.unmount(**{name: "/mnt/raw"})
    assert [each.name for each in fs.ls("dbfs:/mnt/raw")] == ["a.csv"]


@pytest.mark.parametrize(
    "path",
    [
        "/Workspace/Users/me/.bundle/b/dev/files",
        "/Workspace/Users/me/.bundle/b/dev/files/src",
        "/Workspace/Users/me/.bundle/b/dev/files/src/load.py",
        "/Workspace/Users/author/.bundle/b/prod/files/src/load.py",
        "{tmp_path}/bundle/src/load.py",
        "/Volumes",
        "file:{tmp_path}",
    ],
)
def test_sources_and_roots_are_not_removed(tmp_path: Path, path: str) -> None:
    mounts = {
        "/Workspace/Users/me/.bundle/b/dev/files": str(tmp_path / "bundle"),
        "/Workspace/Users": str(tmp_path / "users"),
        "/Volumes": str(tmp_path / "bundle" / "instance" / "volumes"),
    }
    fs = FileSystemUtils(mounts, str(tmp_path / "bundle" / "instance" / "dbfs"))
    source = tmp_path / "bundle" / "src" / "load.py"
    source.parent.mkdir(parents=True)
    source.write_text("1\n")
    fs.put("/Volumes/main/x/in/a.txt", "kept")
    path = path.format(tmp_path=tmp_path)
    if path.endswith(".py"):
        assert fs.head(path) == "1\n"
    with pytest.raises(PermissionError):
        fs.rm(path, True)
    with pytest.raises(PermissionError):
        fs.mv(path, "dbfs:/moved", True)
    assert source.exists()
    assert fs.head("/Volumes/main/x/in/a.txt") == "kept"
    assert fs.rm("/Volumes/main", True)


def test_folder_with_a_link_that_leads_nowhere_is_listed(
    fs: FileSystemUtils, tmp_path: Path
) -> None:
    fs.put("/a/b.txt", "hello")
    (tmp_path / "dbfs" / "a" / "link").symlink_to(tmp_path / "nowhere")
    assert [each.name for each in fs.ls("/a")] == ["b.txt"]
