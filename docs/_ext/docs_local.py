"""The table of the local workspace's limits, read from its constants."""

from __future__ import annotations

from collections.abc import Mapping

from docs_markdown import Table

from flask_lakeflow_jobs.local import background
from flask_lakeflow_jobs.local.api import run_requests, runs, secrets, volumes
from flask_lakeflow_jobs.local.bundle import validation, yaml
from flask_lakeflow_jobs.local.engine import engine
from flask_lakeflow_jobs.local.files import volume_folder
from flask_lakeflow_jobs.local.http import application, server
from flask_lakeflow_jobs.local.task_process import dbutils, sql
from flask_lakeflow_jobs.local.tasks import kinds, logs

#: What is limited, and the limit: a number, or one with its unit.
LIMITS: Mapping[str, str] = {
    "size of a file of the bundle": f"{yaml.MAX_FILE_BYTES // 2**20} MiB",
    "levels of a file of the bundle": f"{yaml.MAX_DEPTH}",
    "values of a file of the bundle, with those of each alias": f"{yaml.MAX_NODES:,}",
    "tasks of a job": f"{validation.MAX_TASKS:,}",
    "inputs of a for-each task": f"{kinds._MAX_INPUTS:,}",
    "levels of jobs that start each other": f"{engine._MAX_NESTING}",
    "processes of tasks at the same time": "4 for each CPU, and 8 at least",
    "log of a task, and result of a notebook": (f"{logs.MAX_OUTPUT_BYTES // 2**20} MiB of each"),
    "value of `dbutils.jobs.taskValues`": f"{dbutils._MAX_TASK_VALUE_BYTES // 1024} KiB as JSON",
    "rows of a SQL task for other tasks": f"{sql.MAX_ROWS:,}",
    "parameters of a run, of each kind but job parameters": (
        f"{run_requests._MAX_PARAMETER_BYTES:,} bytes as JSON"
    ),
    "idempotency token": f"{run_requests._MAX_TOKEN_LENGTH} printable characters",
    "runs in a page": f"{runs._MAX_LIMIT}; {runs._MAX_LIMIT_2_0:,} in API 2.0",
    "body of a request": f"{server.MAX_BODY_BYTES // 2**20} MiB, {application.MAX_DEPTH} levels",
    "file of a volume": f"{volumes.MAX_FILE_BYTES // 2**30} GiB",
    "secret": f"{secrets.MAX_SECRET_BYTES // 1024} KiB",
    "scopes of secrets, and secrets of each": f"{secrets.MAX_SCOPES:,}",
    "path": f"{volume_folder.MAX_PATH_BYTES:,} bytes, {volume_folder.MAX_NAME_BYTES} for each name",
    "life of an ended run": f"{engine._RETENTION_DAYS} days",
    "time without use until the process ends": f"{background._IDLE_EXIT_SECONDS // 60} minutes",
}


def local_limits() -> Table:
    """Build the table of limits of the local workspace."""
    return Table(("What", "Limit"), tuple(LIMITS.items()))
