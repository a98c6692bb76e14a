"""Paths of the workspace in the code of a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.paths import to_local_path, to_workspace_path
from tests.local.conftest import Serve
from tests.local.task_process.support import notebook_client, result_of

FILES = "/Workspace/Users/me/files"


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/Workspace/Users/me/files", "bundle"),
        ("/Workspace/Users/me/files/a/b.py", "bundle/a/b.py"),
        ("/Users/me/files/../files/a", "bundle/a"),
        ("/Volumes/main/default/x", "volumes/main/default/x"),
        ("dbfs:/Volumes/main/default/x/y", "volumes/main/default/x/y"),
        ("/Users/me/files2/a", None),
        ("/tmp/a", None),
        ("../a", None),
    ],
)
def test_path_of_the_workspace_is_translated(tmp_path: Path, path: str, local: str | None) -> None:
    mounts = {FILES: f"{tmp_path}/bundle", "/Volumes": f"{tmp_path}/volumes"}
    assert to_local_path(path, mounts) == (path if local is None else f"{tmp_path}/{local}")
    assert (tmp_path / "volumes/main/default/x").is_dir() == ("/Volumes/" in path)


@pytest.mark.parametrize(
    ("path", "workspace"),
    [("/src/b/a", "/Users/me/files/a"), ("/data/main", "/Volumes/main"), ("/src/b2", "/src/b2")],
)
def test_local_path_is_translated_back(path: str, workspace: str) -> None:
    assert to_workspace_path(path, {FILES: "/src/b", "/Volumes": "/data"}) == workspace


def test_code_of_a_task_opens_paths_of_volumes(serve: Serve) -> None:
    client = notebook_client(
        serve,
        """
import csv, os, pathlib, shutil
folder = pathlib.Path("/Volumes/main/raw/in/day")
folder.mkdir()
(folder / "a.csv").write_text("n\\n3\\n")
shutil.copytree(folder, "/Volumes/main/raw/in/copy")
os.rename("/Volumes/main/raw/in/copy", "/Volumes/main/raw/in/moved")
shutil.rmtree(folder)
with open("/Volumes/main/raw/in/moved/a.csv") as file:
    rows = list(csv.DictReader(file))
names = [os.listdir("/Volumes/main/raw/in"), [each.name for each in os.scandir("/Volumes/main")]]
names.append([str(each) for each in pathlib.Path("/Volumes/main/raw/in").glob("*/*.csv")])
dbutils.notebook.exit(f"{rows} {names} {folder.exists()}")
""",
    )
    moved = "['/Volumes/main/raw/in/moved/a.csv']"
    assert result_of(client) == f"[{{'n': '3'}}] [['moved'], ['raw'], {moved}] False"
