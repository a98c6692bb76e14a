"""Java has room for what it compiles, and a pipeline whose Java ends fails soon."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from flask_lakeflow_jobs.local import Workspace, load_bundle
from flask_lakeflow_jobs.local.tasks.spark import configure_jvm
from tests.local.support import Client, task_results, write_bundle
from tests.spark_jvm.conftest import pipeline_task

if "CI" not in os.environ:
    pytest.importorskip("pyspark.pipelines.cli")

_RESERVED = re.compile(r"ReservedCodeCacheSize\s+= (\d+)")
_KILL = """
from pyspark import SparkContext, pipelines as dp

@dp.materialized_view
def orders():
    SparkContext._gateway.proc.kill()
    return spark.range(1)
"""


def read_reserved(options: list[str]) -> int:
    """Return the bytes that Java reserves for compiled code."""
    command = ["java", *options, "-XX:+PrintFlagsFinal", "-version"]
    flags = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = _RESERVED.search(flags)
    assert found is not None
    return int(found[1])


def test_quick_compiler_has_as_much_room_for_its_code_as_others(tmp_path: Path) -> None:
    configure_jvm(tmp_path, {})
    settings = (tmp_path / "spark-defaults.conf").read_text()
    found = re.search(r"^spark.driver.extraJavaOptions (.*)", settings, re.MULTILINE)
    assert found is not None
    assert read_reserved(found[1].split()) >= read_reserved([])


def test_pipeline_whose_java_has_ended_fails_and_names_the_cause(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    jobs = {"etl": {"tasks": [pipeline_task("shop")], "timeout_seconds": 300}}
    path = write_bundle(tmp_path / "bundle", jobs, {"orders.py": _KILL})
    content = yaml.safe_load(path.read_text())
    libraries = [{"file": {"path": "orders.py"}}]
    content["resources"]["pipelines"] = {"shop": {"schema": "sales", "libraries": libraries}}
    path.write_text(yaml.safe_dump(content))
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {key: j.job_id for key, j in load_bundle(path).jobs.items()})
        run = client.run("etl")
        assert task_results(run) == {"shop": "FAILED"}
        error = str(client.outputs(run)["shop"].error)
    assert error.startswith("PipelineFailed: Java has ended while the pipeline ran"), error
