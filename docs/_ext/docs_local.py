"""The table of the local workspace's limits, read from its constants."""

from __future__ import annotations

from collections.abc import Mapping

from docs_markdown import Table

from flask_lakeflow_jobs.local import background
from flask_lakeflow_jobs.local.api import (
    dbfs,
    run_requests,
    runs,
    secrets,
    volumes,
    workspace_files,
)
from flask_lakeflow_jobs.local.bundle import validation, yaml
from flask_lakeflow_jobs.local.engine import engine
from flask_lakeflow_jobs.local.files import volume_folder
from flask_lakeflow_jobs.local.http import application, server
from flask_lakeflow_jobs.local.task_process import dbutils, result_chunks, result_types
from flask_lakeflow_jobs.local.tasks import kinds, logs
from flask_lakeflow_jobs.local.tasks import statement_runner as kept_statements

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
    "rows of a SQL task for other tasks": f"{result_types.MAX_ROWS:,}",
    "result of a statement": (
        f"{result_chunks.MAX_RESULT_BYTES // 2**20} MiB with the disposition `INLINE`, "
        f"else {result_chunks.MAX_LINKED_BYTES // 2**20} MiB"
    ),
    "statements that are kept, with their results": (
        f"{kept_statements.MAX_KEPT}, {kept_statements.MAX_KEPT_BYTES // 2**20} MiB"
    ),
    "parameters of a run, of each kind but job parameters": (
        f"{run_requests._MAX_PARAMETER_BYTES:,} bytes as JSON"
    ),
    "idempotency token": f"{run_requests._MAX_TOKEN_LENGTH} printable characters",
    "runs in a page": f"{runs._MAX_LIMIT}; {runs._MAX_LIMIT_2_0:,} in API 2.0",
    "body of a request": f"{server.MAX_BODY_BYTES // 2**20} MiB, {application.MAX_DEPTH} levels",
    "notebook, and export or import of a file": (
        f"{workspace_files.MAX_NOTEBOOK_BYTES // 2**20} MiB"
    ),
    "workspace file": f"{workspace_files.MAX_FILE_BYTES // 2**20} MiB",
    "block of DBFS that is written or read": f"{dbfs.MAX_BLOCK_BYTES // 2**20} MiB",
    "files of DBFS that are written at the same time": f"{dbfs.MAX_HANDLES}",
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
