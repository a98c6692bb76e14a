"""The Spark that a task uses, with a package in place of pyspark."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.paths import WorkspacePaths
from flask_lakeflow_jobs.local.task_process.spark.session.task_spark import (
    TaskSpark,
    synchronize_requests,
)

#: The session of a package in place of pyspark.
SESSION = """\
class SparkSession:
    class builder:
        getOrCreate = object
"""


@pytest.fixture
def spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskSpark]:
    """The Spark of a task for which no server has started, without Java."""
    package = tmp_path / "pyspark" / "sql"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("JAVA_HOME", "SPARK_REMOTE", "LAKEFLOW_LOCAL_SAIL", "LAKEFLOW_LOCAL_SPARK_ERROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    spark = TaskSpark({"kind": "sql"}, WorkspacePaths({}))
    spark.install()
    yield spark
    sys.modules.pop("pyspark", None)


def test_client_of_spark_without_server_and_java_runs_no_sql(spark: TaskSpark) -> None:
    assert not spark.is_installed


def test_server_that_does_not_start_fails_sql(
    spark: TaskSpark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK_ERROR", "Sail did not start.")
    assert spark.is_installed
    with pytest.raises(RuntimeError, match=r"^Sail did not start\.$"):
        _ = spark.session


def test_session_stays_when_the_module_is_loaded_again(tmp_path: Path, spark: TaskSpark) -> None:
    builder = (
        "SparkSession = type('Session', (), {'builder': type('', (), {'getOrCreate': object})})"
    )
    (tmp_path / "pyspark/sql/__init__.py").write_text(builder)
    spark._payload["kind"] = "notebook"
    session = spark.session
    importlib.reload(sys.modules["pyspark.sql"])
    assert spark.session is session


def test_requests_for_tables_are_made_between_saving_and_loading_the_catalog() -> None:
    calls: list[Any] = []

    class Client:
        def do(self, method: str, path: str | None = None, url: str = "") -> str:
            calls.append(path)
            if path and path.endswith("none"):
                raise LookupError
            return f"{method} {path or url}"

    @contextmanager
    def synchronize() -> Iterator[None]:
        calls.append("save")
        try:
            yield
        finally:
            calls.append("load")

    synchronize_requests(Client, synchronize)
    path = "/api/2.1/unity-catalog/tables"
    assert Client().do("GET", path) == f"GET {path}"
    assert calls == ["save", path, "load"]
    with pytest.raises(LookupError):
        Client().do("GET", f"{path}/none")
    assert calls[3:] == ["save", f"{path}/none", "load"]
    assert Client().do("GET", url="https://elsewhere") == "GET https://elsewhere"
    assert Client().do("GET", "/api/2.2/jobs/list") == "GET /api/2.2/jobs/list"
    assert calls[6:] == [None, "/api/2.2/jobs/list"]
