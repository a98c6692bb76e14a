"""Advice on errors of tasks."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.advice import advise

MOUNTS = {"/Volumes": "/data/my volumes"}


def advice_on(error: BaseException, *requirements: str, installs: bool = False) -> str | None:
    return advise(error, requirements, [], installs=installs, mounts=MOUNTS)


def missing(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


@pytest.mark.parametrize(
    ("module", "requirements", "installs", "expected"),
    [
        ("cow_say.x", ["cow-say==6"], False, "needs cow_say.x, which its environment lists: cow-s"),
        ("cowsay", ["other"], False, "Install it there, or list its package in the task's env"),
        ("cowsay", ["other"], True, "module cowsay. List its package in the task's environment."),
        ("pyspark", [], False, "There is no Spark in this environment."),
        ("pyspark.core.rdd", [], False, "Sail, which runs Spark in the local workspace, refused"),
        ("databricks.feature_engineering", [], False, "has no feature store. Simulate the job"),
        ("dlt", [], False, "has no pipelines. Simulate the job (tag 'local_simulation')."),
    ],
)
def test_advice_on_a_missing_module(
    module: str, requirements: list[str], installs: bool, expected: str
) -> None:
    assert expected in (advice_on(missing(module), *requirements, installs=installs) or "")


def test_advice_on_a_missing_library_names_it() -> None:
    found = advise(missing("shop"), [], ["/b/dist/*.whl"], installs=False, mounts=MOUNTS)
    assert "and lists /b/dist/*.whl, which does not exist. Build it" in (found or "")


def test_path_of_a_volume_is_linked_or_passed_as_a_parameter() -> None:
    error = FileNotFoundError("Failed to open '/Volumes/main/raw/in/day.csv'")
    assert advice_on(error) == (
        "There is no /Volumes/main/raw/in/day.csv. Pass it as a parameter, or link it once: sudo "
        "mkdir -p /Volumes && sudo ln -s '/data/my volumes/main' /Volumes/main"
    )
    assert advice_on(FileNotFoundError(2, "No such file", "/tmp/x")) is None


def spark_error(name: str, text: str) -> Exception:
    """Return an error as pyspark raises it."""
    kind = type(name, (Exception,), {"__module__": "pyspark.errors.exceptions.connect"})
    error: Exception = kind(text)
    return error


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("UnsupportedOperationException", "unknown function: x", "Sail, which runs Spark in the"),
        ("PySparkAttributeError", "[JVM_ATTRIBUTE_NOT_SUPPORTED] rdd", "Sail, which runs Spark in"),
        ("AnalysisException", "No data source found for: cloudFiles", "Sail, which runs Spark in"),
        ("AnalysisException", "Table or view not found: trips", "There is no table trips. Create"),
        ("AnalysisException", "Catalog not found: dev", "no catalog or schema dev."),
        ("AnalysisException", 'cannot resolve attribute: ["x"]', None),
        ("ArithmeticException", "divide by zero", None),
        ("PythonException", "ValueError: bad", None),
    ],
)
def test_advice_on_an_error_of_spark(
    name: str, text: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert advice_on(spark_error(name, text)) is None  # with a Spark of the user
    monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK", "/data/spark")
    found = advice_on(spark_error(name, text))
    assert found is None if expected is None else expected in (found or "")
