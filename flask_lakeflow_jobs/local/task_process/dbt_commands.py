"""Runs the commands of a ``dbt_task``, in a working copy of its project."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from typing import Any

from .dbutils import DBUtils
from .duckdb_lock import lock_tables

# dbt writes to these, so that they are no links.
_WRITTEN = ("dbt_packages", "logs", "target")
_LOCK = "package-lock.yml"
_FAILED = ("error", "fail", "runtime error", "partial success")
_MAX_NAMED = 5  # failed nodes in a message


def run_dbt(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    """Run the commands in order, until one fails.

    :return: ``error`` if one has failed.
    :raises ImportError: dbt does not support the version of Python.
    """
    folder, root = _link_project(payload["folder"])
    profiles = payload["profiles"]
    if payload["profile"] is not None:
        profiles = folder
        with open(os.path.join(folder, "profiles.yml"), "w", encoding="utf-8") as file:
            json.dump(payload["profile"], file)  # JSON is YAML
    os.environ.update(
        DBT_PROFILES_DIR=profiles,
        DBT_PROJECT_DIR=root,
        DBT_TARGET_PATH=os.path.join(folder, "target"),
        DBT_LOG_PATH=os.path.join(folder, "logs"),
        DBT_USE_COLORS="false",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )
    os.chdir(root)
    with lock_tables():
        return _run_commands(payload["parameters"])


def _run_commands(commands: list[list[str]]) -> dict[str, Any]:
    runner = _import_runner()
    for arguments in commands:
        print("$ dbt", *arguments, flush=True)
        result = runner().invoke(arguments)
        if not result.success:
            error = _describe_failure(arguments, result)
            print(error, file=sys.stderr)
            return {"error": error, "error_trace": error}
    return {}


def _import_runner() -> Any:
    try:
        from dbt.cli.main import dbtRunner
    except Exception as error:  # dbt 1.11 fails so on Python 3.14
        version = ".".join(map(str, sys.version_info[:2]))
        raise ImportError(
            "Run the local workspace on a Python that dbt supports, such as 3.13: dbt cannot be "
            f"imported on Python {version}."
        ) from error
    return dbtRunner


def _describe_failure(arguments: list[str], result: Any) -> str:
    """Return which nodes have failed, with the message of the first."""
    nodes = getattr(result.result, "results", None) or ()
    failed = [each for each in nodes if str(each.status) in _FAILED]
    if not failed:
        cause = " ".join(str(result.exception or "see the log").split())
        return f"dbt {arguments[0]} failed: {cause}"
    first = failed[0]
    message = " ".join(str(first.message or "see the log").split())
    text = f"{first.node.original_file_path}: {first.node.name} failed: {message}"
    others = ", ".join(str(each.node.name) for each in failed[1:_MAX_NAMED])
    return f"{text} Failed too: {others}." if others else text


def _link_project(source: str) -> tuple[str, str]:
    """Link the files of a project into a folder of the workspace, where dbt writes.

    :return: this folder, and the one with the links.
    """
    name = hashlib.sha256(source.encode()).hexdigest()[:16]
    folder = os.path.join(os.path.dirname(os.environ["LAKEFLOW_LOCAL_DATA"]), "dbt", name)
    root = os.path.join(folder, "project")
    os.makedirs(root, mode=0o700, exist_ok=True)
    for entry in os.scandir(root):
        if entry.is_symlink():
            os.unlink(entry)
    for entry in os.scandir(source):
        place = os.path.join(root, entry.name)
        if entry.name == _LOCK:
            shutil.copyfile(entry, place)
        elif entry.name == "dbt_packages" and entry.is_dir():
            shutil.copytree(entry, place, dirs_exist_ok=True)
        elif entry.name not in _WRITTEN:
            os.symlink(entry.path, place)
    return folder, root
