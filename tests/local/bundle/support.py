"""Bundles as text, and values with locations."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from flask_lakeflow_jobs.local.bundle.yaml import LocatedDict, LocatedList

#: The file in which :func:`locate` locates values.
FILE = Path("/databricks.yml")
SCRIPT = "existing_cluster_id: x, spark_python_task: {python_file: main.py}"


def write_file(folder: Path, text: str, name: str = "databricks.yml") -> Path:
    """Write a file, a bundle's root file unless it has another name."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text).lstrip("\n"))
    return file


def bundle_text(field: str = "timeout_seconds: 5", *, task: str = SCRIPT, more: str = "") -> str:
    """Return a bundle with the job ``etl``.

    :param field: a field of the job, in line 6.
    :param task: the fields of its task ``main``, in the line after ``tasks:``.
    :param more: what follows the job.
    """
    return f"""\
bundle: {{name: sales}}
resources:
  jobs:
    etl:
      name: etl
      {field}
      tasks:
        - {{task_key: main, {task}}}
{more}"""


def tasks_text(*tasks: str) -> str:
    """Return a bundle with the job ``etl``, whose first task is in line 5."""
    lines = [
        "resources:",
        "  jobs:",
        "    etl:",
        "      tasks:",
        *(f"        - {task}" for task in tasks),
    ]
    return "\n".join(lines) + "\n"


def locate(value: Any, line: int = 1, file: Path = FILE) -> Any:
    """Return a value whose mappings and lists are located in one line of a file."""
    if isinstance(value, dict):
        mapping = {key: locate(each, line, file) for key, each in value.items()}
        return LocatedDict(mapping, dict.fromkeys(mapping, (file, line)))
    if isinstance(value, list):
        items = [locate(each, line, file) for each in value]
        return LocatedList(items, [(file, line)] * len(items))
    return value
