"""Tasks that run in a Java virtual machine, and what they say where it is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks import jvm
from flask_lakeflow_jobs.local.tasks.context import TaskContext
from flask_lakeflow_jobs.local.tasks.kinds import build_work
from flask_lakeflow_jobs.local.tasks.work import CannotRun
from tests.local.support import python_task, write_bundle
from tests.local.tasks.support import context, payload, refusal

REQUIRE_JVM = jvm.require_jvm


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(jvm, "require_jvm", lambda *_: None)
    files = {"main.py": "", "dist/a.jar": "", "target/b.jar": ""}
    write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, files)
    return tmp_path


def build(kind: str, body: Any, context: TaskContext, **more: Any) -> dict[str, Any]:
    return payload(build_work({"task_key": "main", kind: body, **more}, context))


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
