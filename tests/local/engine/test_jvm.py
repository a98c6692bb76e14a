"""Tasks that run in a Java virtual machine, and what they say where it is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from flask_lakeflow_jobs.local.engine import jvm
from flask_lakeflow_jobs.local.engine.kinds import build_work
from flask_lakeflow_jobs.local.engine.task_context import TaskContext
from flask_lakeflow_jobs.local.engine.work import CannotRun
from tests.local.engine.support import context, payload, refusal
from tests.local.support import python_task, write_bundle

REQUIRE_JVM = jvm.require_jvm
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
    "gone": {"libraries": [{"file": {"path": "src/gone.py"}}]},
    "none": {"libraries": [{"glob": {"include": "src/*.txt"}}]},
    "nameless": {"libraries": [{"file": {}}]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(jvm, "require_jvm", lambda *_: None)
    files = {"main.py": "", "pyproject.toml": "", "dist/a.jar": "", "target/b.jar": ""}
    files |= {f"src/{name}": "" for name in ("a.py", "b.sql", "c/d.ipynb", "readme.txt")}
    path = write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, files)
    content = yaml.safe_load(path.read_text())
    content["resources"]["pipelines"] = PIPELINES
    path.write_text(yaml.safe_dump(content))
    return tmp_path


def build(kind: str, body: Any, context: TaskContext, **more: Any) -> dict[str, Any]:
    return payload(build_work({"task_key": "main", kind: body, **more}, context))


@pytest.mark.ledger(
    "pipeline_task",
    differs="Spark Declarative Pipelines update it; there is one catalog.",
)
def test_pipeline_is_that_of_the_bundle(folder: Path) -> None:
    body = {"pipeline_id": "shop", "parameters": {"shop.n": "2"}, "refresh_selection": ["t"]}
    work = build("pipeline_task", body, context(folder))
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
    pipeline = build("pipeline_task", body, context(folder, overriding=chosen))["pipeline"]
    assert (pipeline["schema"], pipeline["name"]) == ("raw", "old")
    assert (pipeline["full_refresh_all"], pipeline["full_refresh"]) == (True, ["t"])
    assert pipeline["root"] == str(folder / "src")


@pytest.mark.parametrize("file", ["src/a.py", "src/shop/taxis.py"])
def test_pipeline_has_samples_that_its_files_or_their_modules_read(folder: Path, file: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text("trips = spark.read.table('samples.nyctaxi.trips')")
    work = build("pipeline_task", {"pipeline_id": "shop"}, context(folder))
    assert work["pipeline"]["has_samples"] is True


@pytest.mark.ledger("pipeline_task", refused="The bundle has no pipeline …. Define it under")
@pytest.mark.ledger("pipeline_task", refused="Spark has no equal of … in a pipeline_task.")
@pytest.mark.ledger("pipeline_task", refused="The pipeline has no libraries.")
@pytest.mark.ledger("pipeline_task", refused="The pipeline has no file … among its libraries")
@pytest.mark.ledger("pipeline_task", refused="The … among the pipeline's libraries needs a path.")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "The bundle has no pipeline 'None'. Define it under 'resources.pipelines'"),
        ({"pipeline_id": "1-2"}, "The bundle has no pipeline '1-2'. Define it under"),
        (
            {"pipeline_id": "shop", "refresh_flow_selection": ["f"]},
            "Spark has no equal of 'refresh_flow_selection' in a pipeline_task.",
        ),
        (
            {"pipeline_id": "empty"},
            (
                "The pipeline has no libraries. Name its files under 'libraries', as 'glob', "
                "'file' or 'notebook', or simulate the job of a pipeline that ingests (its tag"
            ),
        ),
        ({"pipeline_id": "gone"}, "The pipeline has no file '"),
        ({"pipeline_id": "none"}, "The pipeline has no file '"),
        ({"pipeline_id": "nameless"}, "The 'file' among the pipeline's libraries needs a path."),
    ],
)
def test_pipeline_that_cannot_be_found_is_refused(folder: Path, body: Any, message: str) -> None:
    assert refusal("pipeline_task", body, context(folder)).startswith(message)


@pytest.mark.ledger(
    "spark_jar_task", differs="It runs with spark-submit; Maven packages are not found."
)
@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, {"libraries": [{"jar": "dist/*.jar"}, {"jar": "/elsewhere/b.jar"}]}),
        (
            {
                "environments": [
                    {
                        "environment_key": "e",
                        "spec": {"java_dependencies": ["dist/a.jar", "/internal/b.jar"]},
                    }
                ]
            },
            {"environment_key": "e"},
        ),
    ],
)
def test_jar_is_that_of_the_libraries_or_was_built(
    folder: Path, settings: dict[str, Any], more: dict[str, Any]
) -> None:
    body = {"main_class_name": "shop.Main", "parameters": ["a", 1]}
    work = build("spark_jar_task", body, context(folder, settings=settings), **more)
    assert work["jars"] == [str(folder / "dist/a.jar"), str(folder / "target/b.jar")]
    assert (work["main_class"], work["parameters"]) == ("shop.Main", ["a", "1"])
    work = build(
        "spark_jar_task",
        body,
        context(folder, overriding={"jar_params": ["b"]}, settings=settings),
        **more,
    )
    assert work["parameters"] == ["b"]


def test_search_for_a_jar_leaves_out_large_folders(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".venv/lib", "node_modules/x", "lib/site-packages"):
        (folder / name).mkdir(parents=True)
        (folder / name / "b.jar").touch()
    entered: list[str] = []
    scan = os.scandir

    def scan_and_note(path: Any) -> Any:
        entered.append(Path(path).name)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_and_note)
    body = {"main_class_name": "shop.Main"}
    work = build("spark_jar_task", body, context(folder), libraries=[{"jar": "/x/b.jar"}])
    assert work["jars"] == [str(folder / "target/b.jar")]
    assert "target" in entered
    assert not {".venv", "node_modules", "site-packages"} & {*entered}


@pytest.mark.ledger("spark_jar_task", refused="The spark_jar_task needs a 'main_class_name'.")
@pytest.mark.ledger("spark_jar_task", refused="The spark_jar_task has no JAR.")
@pytest.mark.ledger("spark_jar_task", refused="There is no … …. Build it, or copy it there:")
@pytest.mark.parametrize(
    ("body", "libraries", "message"),
    [
        ({}, [], "The spark_jar_task needs a 'main_class_name'."),
        ({"main_class_name": "A"}, [{"whl": "a.whl"}], "The spark_jar_task has no JAR. List it"),
        ({"main_class_name": "A"}, [{"jar": "/c.jar"}], "There is no JAR /c.jar. Build it,"),
    ],
)
def test_jar_task_without_its_jar_is_refused(
    folder: Path, body: Any, libraries: Any, message: str
) -> None:
    with pytest.raises(CannotRun) as caught:
        build("spark_jar_task", body, context(folder), libraries=libraries)
    assert str(caught.value).startswith(message)


@pytest.mark.ledger(
    "spark_submit_task", differs="It runs on this machine, with the spark-submit of pyspark."
)
@pytest.mark.ledger("spark_submit_task", refused="The spark_submit_task needs 'parameters', such")
@pytest.mark.ledger("spark_submit_task", refused="There is no … …. Build it, or copy it there:")
def test_spark_submit_takes_its_parameters(folder: Path) -> None:
    files = context(folder).files
    uploaded = files.to_local_path("dbfs:/FileStore/a.jar")
    body: dict[str, Any] = {"parameters": ["--class", "A", "dbfs:/FileStore/a.jar", 1, "/b.py"]}
    message = f"There is no file {uploaded}. Build it, or copy it there: "
    assert refusal("spark_submit_task", body, context(folder)).startswith(message)
    uploaded.parent.mkdir(parents=True)
    uploaded.touch()
    work = build("spark_submit_task", body, context(folder))
    assert work["parameters"] == ["--class", "A", str(uploaded), "1", "/b.py"]
    body = {"parameters": [f"file:{uploaded}"]}
    assert build("spark_submit_task", body, context(folder))["parameters"] == [str(uploaded)]
    assert "needs 'parameters'" in refusal("spark_submit_task", {}, context(folder))


@pytest.mark.ledger("pipeline_task", refused="A … needs pyspark with its Java libraries here:")
@pytest.mark.ledger("pipeline_task", refused="A … needs Java here: install a JRE of version 17")
@pytest.mark.parametrize(
    ("installed", "has_java", "message"),
    [
        ((), True, "A pipeline_task needs pyspark with its Java libraries here: pip install 'x'."),
        (("pyspark", "pipelines"), True, "here: pip uninstall pyspark-client; pip install"),
        (("pyspark", "pysail"), True, "pip uninstall pyspark-client; pip install 'x<4.3'."),
        (("pyspark", "jars"), True, "A pipeline_task needs pyspark with its Java libraries here"),
        (("pyspark", "pipelines", "jars"), False, "A pipeline_task needs Java here: install a JRE"),
        (("pyspark", "pipelines", "jars"), True, ""),
    ],
)
def test_missing_java_is_named_with_its_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: tuple[str, ...],
    has_java: bool,
    message: str,
) -> None:
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    for name in installed[1:]:
        (tmp_path / name).mkdir()
    found = {"pyspark": Spec() if installed else None, "json": Spec()}
    if "pysail" in installed:
        found["pysail"] = Spec()
    monkeypatch.setattr("importlib.util.find_spec", found.get)
    monkeypatch.setattr("shutil.which", lambda name: "/bin/java" if has_java else None)
    for name in ("JAVA_HOME", "SPARK_HOME"):
        monkeypatch.delenv(name, raising=False)
    error = ""
    try:
        REQUIRE_JVM("pipeline_task", "x", "pipelines", "json")
    except CannotRun as caught:
        error = str(caught)
    assert message in error
    assert bool(message) is bool(error)
