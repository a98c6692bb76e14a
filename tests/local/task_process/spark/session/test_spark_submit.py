"""Arguments of Spark's programs, and the errors that they print."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import zipfile
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.spark.session import task_spark
from flask_lakeflow_jobs.local.task_process.spark.session.spark_submit import (
    ProgramFailed,
    find_exception,
    list_submit_arguments,
    run_submit,
)
from flask_lakeflow_jobs.local.task_process.spark.session.task_spark import lock_metastore
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
    assert list_submit_arguments("shop.Main", [own], ["x"]) == ["--class", "shop.Main", own, "x"]
    assert list_submit_arguments("shop.Main", [broken, other, own], []) == [
        "--class", "shop.Main", "--jars", f"{broken},{other}", own,
    ]  # fmt: skip
    with pytest.raises(LookupError, match=r"No JAR of the task has the class Main\. Its JARs: "):
        list_submit_arguments("Main", [other, broken], [])


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
            run_submit({"parameters": [str(daemon)]}, None)
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
