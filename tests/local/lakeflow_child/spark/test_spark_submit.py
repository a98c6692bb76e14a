"""Arguments of Spark's programs, and the errors that they print."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.pipelines import pipeline
from flask_lakeflow_jobs.local.lakeflow_child.spark import task_spark
from flask_lakeflow_jobs.local.lakeflow_child.spark.spark_submit import (
    ProgramFailed,
    find_exception,
    list_arguments,
    run_submit,
)
from flask_lakeflow_jobs.local.lakeflow_child.spark.task_spark import lock_metastore
from tests.support import wait_until


def write_jar(path: Path, *names: str) -> str:
    with zipfile.ZipFile(path, "w") as jar:
        for name in names:
            jar.writestr(name, "")
    return str(path)


def test_jar_with_the_class_is_the_program(tmp_path: Path) -> None:
    other = write_jar(tmp_path / "a.jar", "shop/Other.class")
    own = write_jar(tmp_path / "b.jar", "shop/Main.class")
    (tmp_path / "c.jar").write_text("no archive")
    broken = str(tmp_path / "c.jar")
    assert list_arguments("shop.Main", [own], ["x"]) == ["--class", "shop.Main", own, "x"]
    assert list_arguments("shop.Main", [broken, other, own], []) == [
        "--class", "shop.Main", "--jars", f"{broken},{other}", own,
    ]  # fmt: skip
    with pytest.raises(LookupError, match=r"No JAR of the task has the class Main\. Its JARs: "):
        list_arguments("Main", [other, broken], [])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        (["WARN x", 'Exception in thread "main" java.lang.Exception: no day', "\tat A"],
         "java.lang.Exception: no day"),
        (["Error: Failed to load class A."], "Failed to load class A."),
        (['Exception in thread "main" A', "Caused by: B"], "A"),
    ],
)  # fmt: skip
def test_error_of_a_program_is_its_first_exception(lines: list[str], expected: str) -> None:
    assert find_exception(lines) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"full_refresh_all": True, "refresh": ["a"]}, ["--full-refresh-all"]),
        (
            {"full_refresh": ["a", "b"], "refresh": ["c"]},
            ["--full-refresh", "a,b", "--refresh", "c"],
        ),
    ],
)
def test_arguments_of_a_pipeline_choose_its_tables(
    fields: dict[str, Any], expected: list[str]
) -> None:
    body = {"full_refresh_all": False, "full_refresh": [], "refresh": [], **fields}
    arguments = pipeline.list_arguments(Path("/a/spec.yml"), body)
    assert arguments == ["spark-pipelines", "run", "--spec", "/a/spec.yml", *expected]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["Run failed."], "Run failed."),
        (["Flow a is RUNNING.", "\nNo flow.\nMore."], "No flow. More."),
        (
            ["Failed to resolve flow: 'a'.\nError: [X] No table.\nSearch path", "Failed."],
            "Failed to resolve flow: 'a'. Error: [X] No table.",
        ),
        (
            ["due to upstream failure: 'b'.\nError: no a.", "Failed: 'a'.\nError: [X] No table."],
            "Failed: 'a'. Error: [X] No table.",
        ),
        (
            ["due to upstream failure: 'b'.\nError: no a.", "Failed."],
            "due to upstream failure: 'b'. Error: no a.",
        ),
        (
            ["t\nError: [ATTEMPT_ANALYSIS_IN_PIPELINE_QUERY_FUNCTION] Move it."],
            (
                "Write the function of the table without methods that need rows at once, such as "
                "count and collect, and without columns and schema of tables that SQL or a flow "
                "of changes fills: Spark's pipelines refuse them in such a function. "
                "t Error: [ATTEMPT_ANALYSIS_IN_PIPELINE_QUERY_FUNCTION] Move it."
            ),
        ),
        (
            ["a\nError: Traceback (most recent call last):\n  File x\n    f()\nKeyError: 'day'\n"],
            "a Error: Traceback (most recent call last): KeyError: 'day'",
        ),
        (
            ["b\nError: could not resolve read_files to a function", "Failed."],
            (
                "Spark has no read_files. Use spark.read in Python, or SQL such as SELECT * FROM "
                "csv.`path`. b Error: could not resolve read_files to a function"
            ),
        ),
        (
            ["t\nError: There are [1] sources in the checkpoint offsets and now there are [2]"],
            (
                "Update the table with full_refresh_selection once: the flows that write to it are "
                "others than before. t Error: There are [1] sources in the checkpoint offsets and "
                "now there are [2]"
            ),
        ),
        (
            ["c\nError: [UNABLE_TO_INFER_SCHEMA] Unable to infer schema for JSON."],
            (
                "Copy some files to the folder that the pipeline reads, in an earlier task or by "
                "hand: it has none, so Spark cannot know their columns. c Error: "
                "[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for JSON."
            ),
        ),
        (
            ["ClassNotFoundException: Class org.apache.hadoop.fs.gs.FS not found"],
            (
                "Spark has no access to this storage in the cloud here. Copy the files into a "
                "volume, such as /Volumes/main/default/files, or simulate the job (its tag "
                "'local_simulation'). ClassNotFoundException: Class org.apache.hadoop.fs.gs.FS "
                "not found"
            ),
        ),
    ],
)
def test_failed_update_names_the_first_cause(messages: list[str], expected: str) -> None:
    assert pipeline.describe_failure(messages) == expected


def test_trace_of_a_pipeline_begins_in_its_files() -> None:
    with pytest.raises(ValueError, match="5") as caught:
        exec(compile("def f():\n    int('x5')\nf()", "/a/x.py", "exec"), {})  # noqa: S102 (code in a file)
    trace = caught.value.__traceback__
    found = pipeline.find_frames(trace, ("/b/y.py", "/a/x.py"))
    assert found is not None
    assert (found.tb_frame.f_code.co_filename, found.tb_lineno) == ("/a/x.py", 3)
    assert pipeline.find_frames(trace, ("/b/y.py",)) is trace


def test_spec_names_a_file_for_each_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK", "/spark")
    body = {"id": "shop", "name": "Shop", "schema": "sales", "files": ["/a/x y.py", "/b/x y.py"]}
    pipeline.write_spec(tmp_path, body, {"shop.n": "1"})
    spec = json.loads((tmp_path / "spark-pipeline.yml").read_text())
    assert (spec["name"], spec["database"]) == ("Shop", "sales")
    assert spec["storage"] == "file:///spark/pipelines/shop"
    assert spec["configuration"]["shop.n"] == "1"
    files = sorted((tmp_path / "definitions").iterdir())
    assert [file.name for file in files] == ["d0000_x_y.py", "d0001_x_y.py"]
    assert files[1].read_text().endswith("\ndefine('/b/x y.py')\n")


def test_program_ends_although_its_daemon_keeps_the_pipe_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\nsleep 1000 &\necho $! > \"$1\"\nprintf 'WARN x\\nError: no day' >&2\nexit 3\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.delenv("LAKEFLOW_LOCAL_SPARK", raising=False)
    daemon = tmp_path / "daemon"
    try:
        with pytest.raises(ProgramFailed, match=r"^no day$"):
            run_submit({"parameters": [str(daemon)]})
    finally:
        os.kill(int(daemon.read_text()), signal.SIGKILL)
    assert capsys.readouterr().err == "WARN x\nError: no day"


def test_wait_for_the_metastore_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK", str(tmp_path))
    monkeypatch.setattr(task_spark, "_locks", [])
    other = os.open(tmp_path / "metastore.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    waiting = threading.Thread(target=lock_metastore)
    waiting.start()
    printed = ""

    def is_printed() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return bool(printed)

    wait_until(is_printed, "the message")
    assert printed == "Waiting for another task that uses Spark.\n"
    os.close(other)
    waiting.join()
    for lock in task_spark._locks:
        os.close(lock)
