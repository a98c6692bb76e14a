"""``dbutils.fs``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.filesystem import FileSystemUtils


@pytest.fixture
def fs(tmp_path: Path) -> FileSystemUtils:
    """The files of volumes."""
    return FileSystemUtils({"/Volumes": str(tmp_path / "volumes")})


@pytest.mark.parametrize(
    ("path", "file", "address"),
    [
        ("/Volumes/main/x/in/a.txt", "volumes/main/x/in/a.txt", "dbfs:/Volumes/main/x/in/a.txt"),
        ("dbfs:/Volumes/main/x/in/a.txt", "volumes/main/x/in/a.txt", ""),
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


V = "/Volumes/c/s/v"


@pytest.mark.parametrize(
    ("name", "arguments"), [("ls", [f"{V}/in"]), ("head", [f"{V}/in"]), ("cp", [f"{V}/in", V])]
)
def test_missing_file_is_the_error_that_code_looks_for(
    fs: FileSystemUtils, tmp_path: Path, name: str, arguments: list[str]
) -> None:
    with pytest.raises(FileNotFoundError, match=r"java\.io\.FileNotFoundException") as caught:
        getattr(fs, name)(*arguments)
    assert caught.value.filename == str(tmp_path / "volumes/c/s/v/in")


@pytest.mark.parametrize("path", ["dbfs:/out/a.txt", "/tmp/a.txt", "/Volumes2/a.txt"])
def test_path_of_dbfs_is_refused(fs: FileSystemUtils, path: str) -> None:
    with pytest.raises(ValueError, match=r"has no DBFS, .* Use a volume: dbfs:/Volumes/"):
        fs.put(path, "x")


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
        "/Volumes/../x",
        "/Volumes/c/s/v/../../../../x",
        "{tmp_path}/volumes/../x",
        "{tmp_path}/volumes/c/../../x",
    ],
)
def test_path_that_leads_out_is_refused(fs: FileSystemUtils, tmp_path: Path, path: str) -> None:
    path = path.format(tmp_path=tmp_path)
    fs.put(f"{V}/x", "kept")
    before = sorted(tmp_path.rglob("*"))
    calls: list[Callable[[], object]] = [
        lambda: fs.put(path, "y", overwrite=True),
        lambda: fs.mkdirs(path),
        lambda: fs.cp(f"{V}/x", path),
        lambda: fs.mv(f"{V}/x", path),
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
    fs.put(f"{V}/a.txt", "é")
    with pytest.raises(FileExistsError):
        fs.put(f"{V}/a.txt", "new")
    fs.put(f"{V}/a.txt", "new", overwrite=True)
    assert fs.head(f"{V}/a.txt") == "new"
    assert capsys.readouterr().out == "Wrote 2 bytes.\nWrote 3 bytes.\n"


def test_ls_lists_files_and_folders(fs: FileSystemUtils) -> None:
    fs.put(f"{V}/x/b.txt", "hello")
    fs.mkdirs(f"{V}/x/a")
    folder, file = fs.ls(f"dbfs:{V}/x/")
    assert (folder.path, folder.name, folder.size) == (f"dbfs:{V}/x/a/", "a/", 0)
    assert (file.path, file.name, file.size) == (f"dbfs:{V}/x/b.txt", "b.txt", 5)
    assert folder.isDir()
    assert not folder.isFile()
    assert file.isFile()
    assert file.modificationTime > 10**12
    assert repr(file).startswith("FileInfo(path='dbfs:/Volumes/c/s/v/x/b.txt', name='b.txt', size")
    assert file._fields == ("path", "name", "size", "modificationTime")


def test_cp_and_mv_create_folders(fs: FileSystemUtils) -> None:
    fs.put(f"{V}/x/a.txt", "hello")
    assert fs.cp(f"{V}/x/a.txt", f"{V}/y/deep/a.txt")
    assert fs.cp(f"{V}/x", f"{V}/z", recurse=True)
    assert fs.mv(f"{V}/z/a.txt", f"{V}/w/b.txt")
    assert [fs.head(path) for path in (f"{V}/x/a.txt", f"{V}/y/deep/a.txt", f"{V}/w/b.txt")] == [
        "hello"
    ] * 3
    assert fs.ls(f"{V}/z") == []


def test_rm_removes_full_folders_only_with_recurse(fs: FileSystemUtils) -> None:
    fs.put(f"{V}/x/a.txt", "")
    with pytest.raises(OSError, match="not empty"):
        fs.rm(f"{V}/x")
    assert fs.rm(f"{V}/x/a.txt")
    assert fs.rm(f"{V}/x")
    fs.put(f"{V}/x/a.txt", "")
    assert fs.rm(f"{V}/x", recurse=True)
    assert not fs.rm(f"{V}/x")


def test_other_calls_are_not_served(fs: FileSystemUtils) -> None:
    with pytest.raises(AttributeError, match=r"^dbutils\.fs\.cacheFiles does not exist"):
        fs.cacheFiles  # noqa: B018


@pytest.mark.parametrize(
    "path",
    [
        "/Workspace/Users/me/.bundle/b/dev/files",
        "/Workspace/Users/me/.bundle/b/dev/files/src",
        "/Workspace/Users/me/.bundle/b/dev/files/src/load.py",
        "{tmp_path}/bundle/src/load.py",
        "/Volumes",
        "file:{tmp_path}",
    ],
)
def test_sources_and_roots_are_not_removed(tmp_path: Path, path: str) -> None:
    mounts = {
        "/Workspace/Users/me/.bundle/b/dev/files": str(tmp_path / "bundle"),
        "/Volumes": str(tmp_path / "bundle" / "instance" / "volumes"),
    }
    fs = FileSystemUtils(mounts)
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
        fs.mv(path, f"{V}/moved", True)
    assert source.exists()
    assert fs.head("/Volumes/main/x/in/a.txt") == "kept"
    assert fs.rm("/Volumes/main", True)
