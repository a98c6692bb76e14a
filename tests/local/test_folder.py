"""The folder of a workspace: locks, address, token and port."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import WorkspaceError
from flask_lakeflow_jobs.local.folder import WorkspaceFolder

NOBODY = 65534
ADDRESS = {"host": "http://127.0.0.1:1", "token": "t", "bundle": "/databricks.yml", "pid": 7}


@pytest.fixture
def home(tmp_path: Path) -> WorkspaceFolder:
    """An empty folder."""
    home = WorkspaceFolder(tmp_path / "a" / "home")
    home.create()
    return home


def test_create_makes_a_private_folder(home: WorkspaceFolder) -> None:
    assert home.path.stat().st_mode & 0o777 == 0o700
    home.create()


def test_create_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        WorkspaceError, match=r"cannot be created: .* Use a folder that is writable and has space\."
    ):
        WorkspaceFolder(tmp_path / "file" / "home").create()


def test_acquire_reserves_the_folder_until_it_is_closed(home: WorkspaceFolder) -> None:
    assert not home.is_served()
    lock = home.acquire()
    assert home.is_served()
    with pytest.raises(WorkspaceError, match="Another process serves the workspace"):
        home.acquire()
    os.close(lock)
    assert not home.is_served()
    os.close(home.acquire())


def test_start_lock_is_exclusive(home: WorkspaceFolder) -> None:
    message = r"has been starting the workspace in .* for more than 0\.05 seconds"
    with home.start_lock(0.05):
        with pytest.raises(WorkspaceError, match=message), home.start_lock(0.05):
            pass
        assert not home.is_served()
    with home.start_lock(0.05):
        pass


def test_address_is_read_until_it_is_removed(home: WorkspaceFolder) -> None:
    assert home.read_address() is None
    home.write_address(ADDRESS)
    assert home.read_address() == ADDRESS
    assert (home.path / "address.json").stat().st_mode & 0o777 == 0o600
    home.remove_address()
    home.remove_address()
    assert home.read_address() is None


@pytest.mark.parametrize("content", [b"", b'{"host"', b"[]", b"\xff"])
def test_incomplete_address_is_none(home: WorkspaceFolder, content: bytes) -> None:
    (home.path / "address.json").write_bytes(content)
    assert home.read_address() is None


@pytest.mark.parametrize(
    "wrong",
    [{"pid": 0}, {"pid": -1}, {"pid": "7"}, {"host": None}, {"token": 5}, {"bundle": ["x"]}],
)
def test_address_of_other_types_is_none(home: WorkspaceFolder, wrong: dict[str, Any]) -> None:
    home.write_address({**ADDRESS, **wrong})
    assert home.read_address() is None


@pytest.fixture
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def use(home: WorkspaceFolder) -> list[Callable[[], object]]:
    return [home.create, home.is_served, home.read_address]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_folder_that_others_may_write_to_is_refused(home: WorkspaceFolder, mode: int) -> None:
    home.write_address(ADDRESS)
    home.path.chmod(mode)
    for call in use(home):
        with pytest.raises(WorkspaceError, match=r"is writable by other users\. Remove it"):
            call()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_folder_of_another_user_is_refused(home: WorkspaceFolder) -> None:
    home.write_address(ADDRESS)
    os.chown(home.path, NOBODY, NOBODY)
    for call in use(home):
        with pytest.raises(WorkspaceError, match=r"belongs to another user\. Remove it"):
            call()


@pytest.mark.parametrize("name", ["address.json", "identity.json"])
def test_file_that_others_may_have_written_is_ignored(home: WorkspaceFolder, name: str) -> None:
    home.write_address(ADDRESS)
    token, _ = home.read_identity()
    file = home.path / name
    content = file.read_bytes()
    changes: list[Callable[[], None]] = [lambda: file.chmod(0o666)]
    if os.geteuid() == 0:
        changes.append(lambda: os.chown(file, NOBODY, NOBODY))
    for change in changes:
        file.unlink()
        file.touch(mode=0o600)
        file.write_bytes(content)
        change()
        if name == "address.json":
            assert home.read_address() is None
        else:
            assert home.read_identity()[0] != token


def test_identity_keeps_token_and_port(home: WorkspaceFolder) -> None:
    token, port = home.read_identity()
    assert token.startswith("dapi")
    assert port == 0
    home.save_port(token, 8080)
    assert WorkspaceFolder(home.path).read_identity() == (token, 8080)


def test_create_log_starts_an_empty_private_log(home: WorkspaceFolder) -> None:
    for text in (b"first", b"second"):
        with home.create_log() as log:
            log.write(text)
    assert home.log.read_bytes() == b"second"
    assert home.log.stat().st_mode & 0o777 == 0o600


def test_secrets_are_on_the_disk_before_they_replace_the_old_ones(
    home: WorkspaceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.create()
    steps: list[str] = []

    def note(name: str) -> None:
        function = getattr(os, name)

        def call(*arguments: Any) -> None:
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode)
            steps.append(f"{name} folder" if is_folder else name)
            function(*arguments)

        monkeypatch.setattr(os, name, call)

    note("fsync")
    note("replace")
    home.write_secrets({})
    assert steps == ["fsync", "replace", "fsync folder"]


def test_folder_has_a_path_that_a_uri_keeps_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark escapes another one twice: it would keep its tables in a folder beside it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    home = WorkspaceFolder(tmp_path / "Ann's apps" / "home")
    home.create()
    plain = home.with_plain_path()
    assert plain.path.as_uri() == f"file://{plain.path}"
    assert plain.path.resolve() == home.path
    assert plain.with_plain_path() is plain
    made = plain.path.lstat()
    assert home.with_plain_path().path == plain.path
    assert plain.path.lstat() == made, "another process may use it"
    plain.path.parent.chmod(0o777)
    with pytest.raises(WorkspaceError, match=r"lakeflow-jobs-\d+ .* is writable by other users"):
        home.with_plain_path()
    plain.path.parent.rename(tmp_path / "of others")
    plain.path.parent.symlink_to(tmp_path / "of others")
    with pytest.raises(WorkspaceError, match=r"lakeflow-jobs-\d+ is a link"):
        home.with_plain_path()
