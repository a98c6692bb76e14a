"""Paths of the workspace, and the files of this machine that they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.paths import (
    to_local_path,
    to_workspace_path,
)

MOUNTS = {"/Workspace/Users/me/files": "/src/bundle", "/Volumes": "/data/volumes"}


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/Workspace/Users/me/files", "/src/bundle"),
        ("/Workspace/Users/me/files/a/b.py", "/src/bundle/a/b.py"),
        ("/Users/me/files/a", "/src/bundle/a"),
        ("/Users/me/files/../files/a", "/src/bundle/a"),
        ("/Volumes/main/default/x", "/data/volumes/main/default/x"),
        ("/Users/me/files2/a", "/Users/me/files2/a"),
        ("/tmp/a", "/tmp/a"),
        ("../a", "../a"),
    ],
)
def test_to_local_path(path: str, local: str) -> None:
    assert to_local_path(path, MOUNTS) == local


def test_folder_of_users_may_be_one_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "Users" / "me").mkdir(parents=True)
    mounts = {"/Workspace/Users": str(tmp_path / "Users")}
    assert to_local_path("/Users/me/nb", mounts) == f"{tmp_path}/Users/me/nb"
    assert to_local_path("/Users/you/nb", mounts) == "/Users/you/nb"
    assert to_local_path("/Workspace/Users/you/nb", mounts) == f"{tmp_path}/Users/you/nb"


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/Workspace/Users/ann/.bundle/shop/dev/files/src/a.csv", "shop/src/a.csv"),
        ("/Workspace/Users/ann/.bundle/shop/dev/files", "shop"),
        ("/Workspace/Shared/.bundle/shop/dev/files/src", "shop/src"),
        ("/Workspace/Repos/ann/shop/src/a.csv", "shop/src/a.csv"),
        ("/Repos/ann/shop/src/a.csv", "shop/src/a.csv"),
        ("/Workspace/Users/ann/other/src/a.csv", "files/Users/ann/other/src/a.csv"),
        ("/Workspace/Users/ann/shop/src/new.csv", "files/Users/ann/shop/src/new.csv"),
        ("/Workspace/Users/ann/shop/own.csv", "files/Users/ann/shop/own.csv"),
    ],
)
def test_copy_of_the_bundle_of_its_author_leads_to_the_bundle(
    tmp_path: Path, path: str, local: str
) -> None:
    for file in ("shop/src/a.csv", "shop/own.csv", "files/Users/ann/shop/own.csv"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    homes = {f"/Workspace/{each}": f"{tmp_path}/files/{each}" for each in ("Users", "Shared")}
    homes["/Workspace/Repos"] = f"{tmp_path}/files/Repos"
    mounts = {"/Workspace/Users/me/.bundle/shop/dev/files": f"{tmp_path}/shop", **homes}
    assert to_local_path(path, mounts) == f"{tmp_path}/{local}"


@pytest.mark.parametrize(
    ("path", "workspace"),
    [
        ("/src/bundle/a/b", "/Users/me/files/a/b"),
        ("/data/volumes/main", "/Volumes/main"),
        ("/src/bundle2/a", "/src/bundle2/a"),
    ],
)
def test_to_workspace_path(path: str, workspace: str) -> None:
    assert to_workspace_path(path, MOUNTS) == workspace
