"""Paths of the workspace in the file operations of tasks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.workspace_paths import WorkspacePaths
from tests.local.conftest import Serve
from tests.local.lakeflow_child.support import notebook_client, result_of


@pytest.fixture
def paths(tmp_path: Path) -> WorkspacePaths:
    """The paths of a bundle whose files are deployed for a user."""
    mounts = {"/Volumes": f"{tmp_path}/volumes", "/dbfs": f"{tmp_path}/dbfs"}
    mounts["/databricks-datasets"] = f"{tmp_path}/dbfs/databricks-datasets"
    return WorkspacePaths({"/Workspace/Users/me/files": "/b", **mounts})


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/Volumes/main/raw/in/day.csv", "{}/volumes/main/raw/in/day.csv"),
        (Path("/Volumes/main/raw/in"), "{}/volumes/main/raw/in"),
        ("dbfs:/Volumes/main/raw/in", "{}/volumes/main/raw/in"),
        ("/dbfs/tmp/a", "{}/dbfs/tmp/a"),
        ("dbfs:/tmp/a", "{}/dbfs/tmp/a"),
        ("/Workspace/Users/me/files/a", "/b/a"),
        ("/Users/me/files/a", "/b/a"),
        ("/Users/you/a", "/Users/you/a"),
        ("/mnt/lakeflow-none/a", "{}/dbfs/mnt/lakeflow-none/a"),
        ("/FileStore/lakeflow-none/a", "{}/dbfs/FileStore/lakeflow-none/a"),
        ("data/Volumes/a", "data/Volumes/a"),
        (b"/Volumes/a", b"/Volumes/a"),
        (3, 3),
        (None, None),
    ],
)
def test_translate_path(paths: WorkspacePaths, tmp_path: Path, path: Any, local: Any) -> None:
    if isinstance(local, str):
        local = local.format(tmp_path)
    assert paths.translate(path) == local


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("file:/Volumes/main/raw/in", "{}/volumes/main/raw/in"),
        ("file:///tmp/a", "/tmp/a"),
        ("/dbfs/tmp/a", "{}/dbfs/tmp/a"),
        (None, None),
    ],
)
def test_translate_uri_drops_file_scheme(
    paths: WorkspacePaths, tmp_path: Path, path: Any, local: Any
) -> None:
    assert paths.translate_uri(path) == (local and local.format(tmp_path))


@pytest.mark.parametrize("prefix", ["dbfs:", "/dbfs"])
def test_prefix_before_a_translated_parameter_is_dropped(
    paths: WorkspacePaths, tmp_path: Path, prefix: str
) -> None:
    path = paths.translate("/Volumes/main/raw/in/a")
    assert paths.translate(f"{prefix}{path}") == path


def test_translated_path_creates_its_volume_only(paths: WorkspacePaths, tmp_path: Path) -> None:
    paths.translate("/Volumes/main/raw")
    assert not (tmp_path / "volumes").exists()
    paths.translate("/Volumes/main/raw/in/day/a.csv")
    assert [*(tmp_path / "volumes").rglob("*")][-1] == tmp_path / "volumes/main/raw/in"


@pytest.mark.parametrize("root", ["", "dbfs:", "/dbfs"])
def test_trips_of_older_templates_exist(paths: WorkspacePaths, tmp_path: Path, root: str) -> None:
    path = "/databricks-datasets/nyctaxi/sample/json"
    folder = Path(paths.translate(f"{root}{path}/"))
    assert folder == tmp_path / "dbfs/databricks-datasets/nyctaxi/sample/json"
    (file,) = folder.iterdir()
    trips = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(trips) == 2000
    assert sum(trip["fare_amount"] < 30 for trip in trips) == 1068
    assert trips[0]["tpep_pickup_datetime"] == "2016-01-01T00:00:00"
    file.write_text("")
    paths.translate(path)
    assert file.read_text() == ""  # a task may have changed it


def test_samples_that_need_spark_are_left_out_without_it(
    paths: WorkspacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = "/databricks-datasets/nyctaxi-with-zipcodes/subsampled"
    paths.translate(path)
    assert [*tmp_path.rglob("subsampled*")] == []


def test_file_operations_take_their_path_by_name(paths: WorkspacePaths, tmp_path: Path) -> None:
    paths.translate("/Volumes/main/raw/in/a")
    with paths._wrap(open)(file="/Volumes/main/raw/in/a", mode="w") as file:
        file.write("1")
    listed = paths._wrap(os.listdir)
    assert listed(path="/Volumes/main/raw/in") == listed("/Volumes/main/raw/in") == ["a"]
    assert listed() == os.listdir()


def test_file_operations_become_no_methods(paths: WorkspacePaths, tmp_path: Path) -> None:
    """As built-in functions; ``pathlib`` of Python 3.10 keeps them in a class."""

    class Accessor:
        listdir = paths._wrap(os.listdir)
        rename = paths._wrap_both(os.rename)

    Accessor().rename(tmp_path, tmp_path)
    assert Accessor().listdir(tmp_path) == os.listdir(tmp_path)
    assert (Accessor.listdir.__name__, Accessor.listdir.__doc__) == ("listdir", os.listdir.__doc__)


def test_translate_sql_changes_texts_and_quoted_names(
    paths: WorkspacePaths, tmp_path: Path
) -> None:
    statement = "csv.`{0}/a/b/c/x.csv` WHERE p = '{0}/a' OR '{0}/a/' || b OR /Volumes/ > 1"
    translated = paths.translate_sql(statement.format("/Volumes"))
    assert translated == statement.format(tmp_path / "volumes")


@pytest.mark.parametrize("address", ["csv.`{}`", "COPY INTO t FROM '{}'", 't location "{}"'])
def test_translate_sql_drops_file_scheme_of_paths(paths: WorkspacePaths, address: str) -> None:
    assert paths.translate_sql(address.format("file:/tmp/a")) == address.format("/tmp/a")
    assert paths.translate_sql("SELECT 'file:/tmp/a'") == "SELECT 'file:/tmp/a'"


def test_code_of_a_task_uses_paths_of_the_workspace(serve: Serve) -> None:
    client = notebook_client(
        serve,
        """
import os, pathlib, shutil, sys
folder = pathlib.Path("/Volumes/main/raw/in/day")
folder.mkdir()
(folder / "shop.py").write_text("price = 3")
shutil.copytree(folder, "/Volumes/main/raw/in/copy")
os.rename("/Volumes/main/raw/in/copy", "/Volumes/main/raw/in/moved")
sys.path.append("/Volumes/main/raw/in/moved")
import shop
os.makedirs("/dbfs/tmp/a")
shutil.rmtree(folder)
names = [os.listdir("/Volumes/main/raw/in"), dbutils.fs.ls("dbfs:/tmp")[0].name]
dbutils.notebook.exit(f"{shop.price} {names} {folder.exists()}")
""",
    )
    assert result_of(client) == "3 [['moved'], 'a/'] False"


def test_code_imports_the_modules_of_a_cluster(serve: Serve) -> None:
    client = notebook_client(
        serve,
        "from databricks.connect import DatabricksSession as S, session\n"
        "builder = session.DatabricksSession.builder\n"
        "dbutils.notebook.exit(S.builder.serverless(True) is builder)",
    )
    assert result_of(client) == "True"
