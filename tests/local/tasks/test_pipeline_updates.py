"""Updates of pipelines: what their processes get, and which ones cannot start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flask_lakeflow_jobs.local.folder import WorkspaceFolder
from flask_lakeflow_jobs.local.tasks import pipeline_updates
from flask_lakeflow_jobs.local.tasks.context import TaskContext
from flask_lakeflow_jobs.local.tasks.kinds import build_work
from tests.local.support import python_task, write_bundle
from tests.local.tasks.support import context, payload, refusal

PIPELINES = {
    "shop": {
        "name": "Shop",
        "catalog": "dev",
        "schema": "sales",
        "root_path": "src",
        "configuration": {"shop.n": 1, "shop.where": "/Volumes/dev/sales/landing"},
        "libraries": [{"glob": {"include": "src/**"}}, {"notebook": {"path": "src/a"}}],
        "environment": {"dependencies": ["--editable .", "cowsay==6.0"]},
    },
    "old": {
        "target": "raw",
        "root_path": "${workspace.file_path}/src",
        "libraries": [{"file": {"path": "src/a.py"}}],
    },
    "empty": {},
    "loads": {"ingestion_definition": {"connection_name": "crm"}},
    "gateway": {"gateway_definition": {"connection_name": "crm"}},
    "gone": {"libraries": [{"file": {"path": "src/gone.py"}}]},
    "none": {"libraries": [{"glob": {"include": "src/*.txt"}}]},
    "nameless": {"libraries": [{"file": {}}]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pipeline_updates, "require_jvm", lambda *_: None)
    files = {"main.py": "", "pyproject.toml": ""}
    files |= {f"src/{name}": "" for name in ("a.py", "b.sql", "c/d.ipynb", "readme.txt")}
    path = write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, files)
    content = yaml.safe_load(path.read_text())
    content["resources"]["pipelines"] = PIPELINES
    path.write_text(yaml.safe_dump(content))
    return tmp_path


def build(body: Any, context: TaskContext) -> dict[str, Any]:
    return payload(build_work({"task_key": "main", "pipeline_task": body}, context))


def test_pipeline_is_that_of_the_bundle(folder: Path) -> None:
    body = {"pipeline_id": "shop", "parameters": {"shop.n": "2"}, "refresh_selection": ["t"]}
    work = build(body, context(folder))
    pipeline = work["pipeline"]
    assert pipeline.pop("files") == [
        str(folder / f"src/{each}") for each in ("a.py", "b.sql", "c/d.ipynb")
    ]
    assert {"dev", "main"} < set(pipeline.pop("catalogs"))
    assert pipeline == {
        "id": "shop", "name": "Shop", "root": str(folder / "src"), "schema": "sales",
        "catalog": "dev", "has_samples": False,
        "full_refresh_all": False, "full_refresh": [], "refresh": ["t"],
    }  # fmt: skip
    landing = str(folder / "volumes/dev/sales/landing")
    assert work["parameters"] == {"shop.n": "2", "shop.where": landing}
    assert work["requirements"] == ["cowsay==6.0"]
    assert str(folder) in work["libraries"]


def test_parameters_of_run_now_decide_which_tables_are_refreshed(folder: Path) -> None:
    body = {"pipeline_id": "old", "full_refresh_selection": ["t"]}
    chosen = {"pipeline_params": {"full_refresh": True, "pipeline_id": "shop"}}
    pipeline = build(body, context(folder, overriding=chosen))["pipeline"]
    assert (pipeline["schema"], pipeline["name"]) == ("raw", "old")
    assert (pipeline["full_refresh_all"], pipeline["full_refresh"]) == (True, ["t"])
    assert pipeline["root"] == str(folder / "src")


SHORT = "/Users/me/.bundle/x/files"
HOME = f"/Workspace{SHORT}"


@pytest.mark.parametrize(
    ("library", "root_path", "files", "root"),
    [
        ({"glob": {"include": f"{HOME}/etl/**"}}, None, ["etl/a.sql", "etl/b.py"], "etl"),
        ({"glob": {"include": f"{HOME}/etl/**"}}, HOME, ["etl/a.sql", "etl/b.py"], "."),
        ({"glob": {"include": f"{HOME}/et*/*.py"}}, f"{HOME}/src", ["etl/b.py"], "src"),
        ({"file": {"path": f"{HOME}/etl/b.py"}}, None, ["etl/b.py"], "etl"),
        ({"file": {"path": f"{HOME}/etl/*.py"}}, None, ["etl/b.py"], "etl"),
        ({"notebook": {"path": f"{HOME}/etl/*"}}, None, ["etl/a.sql", "etl/b.py"], "etl"),
        ({"notebook": {"path": f"{HOME}/etl/b"}}, None, ["etl/b.py"], "etl"),
        ({"notebook": {"path": f"{SHORT}/etl/b"}}, None, ["etl/b.py"], "etl"),
        ({"glob": {"include": f"{SHORT}/etl/*.sql"}}, None, ["etl/a.sql"], "etl"),
        ({"glob": {"include": f"{SHORT}/etl/**"}}, SHORT, ["etl/a.sql", "etl/b.py"], "."),
    ],
)
def test_pipeline_of_a_deployment_has_the_uploaded_files(
    folder: Path, library: Any, root_path: str | None, files: list[str], root: str
) -> None:
    uploaded = WorkspaceFolder(folder).files / "Users/me/.bundle/x/files"
    (uploaded / "etl").mkdir(parents=True)
    (uploaded / "etl/a.sql").write_text("SELECT * FROM samples.nyctaxi.trips")
    (uploaded / "etl/b.py").touch()
    settings = {"libraries": [{"whl": "/a.whl"}, library], "parameters": {"day": "mon", "n": "1"}}
    if root_path is not None:
        settings["root_path"] = root_path
    body = {"pipeline_id": "7", "parameters": {"n": "2"}}
    work = build(body, context(folder, pipelines={"7": settings}))
    pipeline = work["pipeline"]
    assert pipeline["files"] == [str(uploaded / each) for each in files]
    assert Path(pipeline["root"]) == Path(work["folder"]) == uploaded / root
    assert work["parameters"] == {"day": "mon", "n": "2"}


@pytest.mark.parametrize("file", ["src/a.py", "src/shop/taxis.py"])
def test_pipeline_has_samples_that_its_files_or_their_modules_read(folder: Path, file: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("trips = spark.read.table('samples.nyctaxi.trips')")
    work = build({"pipeline_id": "shop"}, context(folder))
    assert work["pipeline"]["has_samples"] is True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "The workspace has no pipeline 'None'. Deploy it, or define it under 'resources"),
        ({"pipeline_id": "1-2"}, "The workspace has no pipeline '1-2'. Deploy it, or"),
        (
            {"pipeline_id": "shop", "refresh_flow_selection": ["f"]},
            "Spark has no equal of 'refresh_flow_selection' in a pipeline_task.",
        ),
        (
            {"pipeline_id": "empty"},
            (
                "The pipeline has no libraries. Name its files under 'libraries', as 'glob', "
                "'file' or 'notebook'."
            ),
        ),
        (
            {"pipeline_id": "loads"},
            (
                "A pipeline with 'ingestion_definition' loads data from another system, which the "
                "local workspace cannot do: create its tables in another task, or simulate its"
            ),
        ),
        ({"pipeline_id": "gateway"}, "A pipeline with 'gateway_definition' loads data from"),
        ({"pipeline_id": "gone"}, "The pipeline has no file '"),
        ({"pipeline_id": "none"}, "The pipeline has no file '"),
        ({"pipeline_id": "nameless"}, "The 'file' among the pipeline's libraries needs a path."),
    ],
)
def test_pipeline_that_cannot_be_found_is_refused(folder: Path, body: Any, message: str) -> None:
    assert refusal("pipeline_task", body, context(folder)).startswith(message)
