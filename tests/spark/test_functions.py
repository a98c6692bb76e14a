"""Functions that Sail runs in its own process, and folders that it reads itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

LOAD = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read())())"


def test_function_finds_the_packages_of_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # here, since this module is also imported where pyspark is missing
    from pyspark.serializers import CloudPickleSerializer

    from flask_lakeflow_jobs.local.task_process.spark.session.pyspark_patches import _pickle_modules

    (tmp_path / "lakeflow_cow.py").write_text("def moo():\n    return 'moo'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    moo = importlib.import_module("lakeflow_cow").moo
    dumps = _pickle_modules(CloudPickleSerializer.dumps, (), str(tmp_path))
    pickled = dumps(CloudPickleSerializer(), moo)
    ended = subprocess.run(
        [sys.executable, "-c", LOAD],
        input=pickled,
        capture_output=True,
        check=True,
        cwd="/",
    )
    assert ended.stdout == b"moo\n"


def test_folders_of_the_cloud_are_left_to_sail() -> None:
    from flask_lakeflow_jobs.local.task_process.spark.files.file_readers import wrap_load

    load = wrap_load(lambda _, path, *__: path, str)
    reader = SimpleNamespace(options=lambda: None, _options={}, _format=None, _schema=None)
    assert load(reader, "s3://bucket/in", "parquet") == ["s3://bucket/in"]
