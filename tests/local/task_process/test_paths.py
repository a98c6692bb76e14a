"""Paths of the workspace in the file operations of tasks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.paths import (
    WorkspacePaths,
    to_local_path,
    to_workspace_path,
)
from tests.local.conftest import Serve
from tests.local.task_process.support import notebook_client, result_of


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
        ("//Workspace/Users/me/files/a", "/b/a"),
        ("//home/a", "//home/a"),
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
        (["file:///tmp/a", "/tmp/b"], ["/tmp/a", "/tmp/b"]),
        (("dbfs:/tmp/a", "/dbfs/tmp/b"), ["{}/dbfs/tmp/a", "{}/dbfs/tmp/b"]),
    ],
)
def test_translate_uri_takes_what_readers_of_spark_take(
    paths: WorkspacePaths, tmp_path: Path, path: Any, local: Any
) -> None:
    found = paths.translate_uri(path)
    assert json.dumps(found) == json.dumps(local).replace("{}", str(tmp_path))


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
pathlib.Path("/Volumes/main/raw/in/link").symlink_to("/Volumes/main/raw/in/moved")
sys.path.append("/Volumes/main/raw/in/link")
import shop
os.remove("/Volumes/main/raw/in/link")
os.makedirs("/dbfs/tmp/a")
shutil.rmtree(folder)
names = [os.listdir("/Volumes/main/raw/in"), dbutils.fs.ls("dbfs:/tmp")[0].name]
with os.scandir("/Volumes/main/raw/in") as entries:  # fsspec takes their paths
    [entry] = entries
names += [entry.path, entry.is_dir(), pathlib.Path(entry, "shop.py").exists()]
names += map(str, pathlib.Path("/Volumes/main/raw").glob("*/*/shop.py"))
dbutils.notebook.exit(f"{shop.price} {names} {folder.exists()}")
""",
    )
    moved = "'/Volumes/main/raw/in/moved', True, True, '/Volumes/main/raw/in/moved/shop.py'"
    assert result_of(client) == f"3 [['moved'], 'a/', {moved}] False"


def test_failed_rename_names_the_paths_of_the_code(paths: WorkspacePaths) -> None:
    rename = paths._wrap_both(os.rename)
    with pytest.raises(FileNotFoundError) as caught:
        rename("/Volumes/a/b/c/old", "/dbfs/new")
    assert (caught.value.filename, caught.value.filename2) == ("/Volumes/a/b/c/old", "/dbfs/new")


def test_python_loads_code_by_paths_of_the_workspace(serve: Serve) -> None:
    text = """
import importlib.util, pathlib, runpy
path = "/Volumes/main/raw/in/prices.py"
pathlib.Path(path).write_text("price = 3")
spec = importlib.util.spec_from_file_location("prices", path)
prices = importlib.util.module_from_spec(spec)
spec.loader.exec_module(prices)
dbutils.notebook.exit(prices.price + runpy.run_path(path)["price"])
"""
    assert result_of(notebook_client(serve, text)) == "6"


@pytest.mark.parametrize(
    ("command", "translated"),
    [
        ("ls -l /Volumes/a/b/c/*.csv", "ls -l {}/volumes/a/b/c/*.csv"),
        ("cp '/Volumes/a/b/c/d e' /dbfs/tmp/", "cp '{0}/volumes/a/b/c/d e' {0}/dbfs/tmp/"),
        ("unzip -d=/Volumes/$catalog/b|cat", "unzip -d={}/volumes/$catalog/b|cat"),
        ("cat /Workspace/Users/me/files/a;", "cat /b/a;"),
        ("cd /Volumes; ls /dbfs /dbfs2", "cd {0}/volumes; ls {0}/dbfs /dbfs2"),
        (
            "curl http://a/Volumes/b $x/dbfs/a ./Volumes/a",
            "curl http://a/Volumes/b $x/dbfs/a ./Volumes/a",
        ),
        (["cat", Path("/dbfs/a"), b"/dbfs/a"], ["cat", "{}/dbfs/a", b"/dbfs/a"]),
    ],
)
def test_translate_command(
    paths: WorkspacePaths, tmp_path: Path, command: Any, translated: Any
) -> None:
    def fill(value: Any) -> Any:
        return value.format(tmp_path) if isinstance(value, str) else value

    expected = [*map(fill, translated)] if isinstance(translated, list) else fill(translated)
    assert paths.translate_command(command) == expected


def test_commands_of_a_task_use_paths_of_the_workspace(serve: Serve) -> None:
    client = notebook_client(
        serve,
        """
# MAGIC %sh
# MAGIC folder=in; mkdir /Volumes/main/raw/$folder/day && echo 1 > "/Volumes/main/raw/in/day/a"
# COMMAND ----------
import os, subprocess
os.makedirs("/dbfs/tmp")
subprocess.run(["cp", "a", "/dbfs/tmp/b"], check=True, cwd="/Volumes/main/raw/in/day")
os.system("cp /dbfs/tmp/b /Volumes/main/raw/in/c")
dbutils.notebook.exit(open("/Volumes/main/raw/in/c").read())
""",
    )
    assert result_of(client) == "1\n"


def test_code_imports_the_modules_of_a_cluster(serve: Serve) -> None:
    client = notebook_client(
        serve,
        "from databricks.connect import DatabricksSession as S, session\n"
        "builder = session.DatabricksSession.builder\n"
        "dbutils.notebook.exit(S.builder.serverless(True) is builder)",
    )
    assert result_of(client) == "True"


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
        ("/Workspace/Users/ann/shops/shop/src/a.csv", "shop/src/a.csv"),
        ("/Workspace/Users/ann/shops/docs/b.csv", "docs/b.csv"),
        ("/Workspace/Users/ann/other/src/a.csv", "files/Users/ann/other/src/a.csv"),
        ("/Workspace/Users/ann/shop/src/new.csv", "files/Users/ann/shop/src/new.csv"),
        ("/Workspace/Users/ann/shop/own.csv", "files/Users/ann/shop/own.csv"),
    ],
)
def test_copy_of_the_bundle_of_its_author_leads_to_the_bundle(
    tmp_path: Path, path: str, local: str
) -> None:
    tmp_path = tmp_path / "shops"
    files = (".git", "docs/b.csv", "shop/src/a.csv", "shop/own.csv", "files/Users/ann/shop/own.csv")
    for file in files:
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
