"""Pieces of code that a notebook runs one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.local.support import notebook_task

#: Files of snippets as people write them. A line such as ``# %% show`` begins one.
FOLDER = Path(__file__).parent / "snippets"

ADVICE = re.compile(r"# Advice: (.+)\n")


def read_snippets(*names: str) -> dict[str, str]:
    """Return the pieces of code in files by their titles."""
    text = "".join((FOLDER / f"{name}.py").read_text() for name in names)
    _, *parts = re.split(r"^# %% (.+)\n", text, flags=re.MULTILINE)
    titles, codes = parts[::2], parts[1::2]
    assert len(set(titles)) == len(titles), "two snippets have one title"
    return dict(zip(titles, codes, strict=True))


def read_advised(name: str) -> dict[str, tuple[str, str]]:
    """Return the pieces of code that fail, each with a part of its advice."""
    snippets = read_snippets(name)
    return {title: (code, ADVICE.findall(code)[0]) for title, code in snippets.items()}


def check_snippets(
    workspaces: Callable[..., Any],
    working: Mapping[str, str],
    advised: Mapping[str, tuple[str, str]],
    *,
    begin: str = "",
    prepare: str = "",
) -> dict[str, str]:
    """Run pieces of code in one task: some work, and others fail with an advice.

    :param begin: code that comes before all of them.
    :param prepare: code that comes before each of them.
    :return: the errors of those that fail, by name.
    """
    snippets = {**working, **{name: code for name, (code, _) in advised.items()}}
    codes = {name: f"{prepare}\n{dedent(code)}" for name, code in snippets.items()}
    jobs = {"etl": {"tasks": [notebook_task("main", "main.py")]}}
    client = workspaces(jobs, {"main.py": build_notebook(codes, begin)}).start()
    output = client.outputs(client.run("etl"))["main"]
    assert output.notebook_output, output.error_trace
    errors: dict[str, str] = json.loads(output.notebook_output.result)
    failed = {name: error for name, error in errors.items() if name not in advised}
    assert not failed, failed
    for name, (_, advice) in advised.items():
        assert advice in errors[name], name
    return errors


def build_notebook(snippets: Mapping[str, str], begin: str) -> str:
    """Return a notebook that runs each snippet and exits with the errors as JSON.

    :param begin: code that comes before them.
    """
    return f"""# Databricks notebook source
import json, tempfile
from task_process.failure import describe_error
from pyspark.sql import SparkSession, Window, functions as F
folder, errors = tempfile.mkdtemp(), {{}}
spark.sql("CREATE SCHEMA IF NOT EXISTS dev.snippets")
spark.range(1).write.mode("overwrite").saveAsTable("dev.snippets.saved")
{begin}
for snippet, code in json.loads({json.dumps(json.dumps(snippets))!s}).items():
    try:
        exec(code)
    except Exception as error:
        errors[snippet] = describe_error(error)["error"]
dbutils.notebook.exit(json.dumps(errors))
"""
