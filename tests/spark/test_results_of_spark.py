"""Statements and calls of frames on Sail have the results of Spark, or a known difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.local.support import notebook_task
from tests.spark_reference.results import compare

ROOT = Path(__file__).parents[2]

NOTEBOOK = """# Databricks notebook source
import json, sys
sys.path.insert(0, {root!r})
from tests.spark_reference.statements import run_all
with open({path!r}, "w") as file:
    json.dump(dict(run_all(spark)), file)
"""


def test_results_on_sail_are_those_of_spark_but_for_known_differences(
    workspaces: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    notebook = NOTEBOOK.format(root=str(ROOT), path=str(path))
    client = workspaces(
        {"etl": {"tasks": [notebook_task("main", "main.py")]}}, {"main.py": notebook}
    ).start()
    output = client.outputs(client.run("etl"))["main"]
    assert output.error is None
    results = json.loads(path.read_text())
    assert compare(results, "sail_differences.txt", with_names=False) == ({}, set())
    assert compare(results, "sail_differences.txt", "sail_names.txt") == ({}, set())
