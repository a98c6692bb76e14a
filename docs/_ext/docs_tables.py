"""Tables of the documentation, generated from the code.

The pages contain them, each between two comments, so that the repository shows them too. A test
fails if a table is outdated. Run this module to update all pages::

    python docs/_ext/docs_tables.py
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docs_commands import commands
from docs_console import console_endpoints, css_variables, template_globals
from docs_local import local_limits
from docs_markdown import Table, as_json, code, params_of, sentence, summary_of
from docs_routes import http_parameters, local_api, routes
from docs_servers import PROXIES, SERVERS, describe_server

from flask_lakeflow_jobs import JobConfig, LakeflowJobsError, Outcome, RunStatus
from flask_lakeflow_jobs.cli.exit_codes import MEANINGS, exit_code_of
from flask_lakeflow_jobs.config.keys import KEYS, SDK_KEYS
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS, TaskKind, describe_refusal
from flask_lakeflow_jobs.runs.outcome import ACTIVE_OUTCOMES
from flask_lakeflow_jobs.runs.progress import RunProgress
from flask_lakeflow_jobs.runs.run_now_fields import TASK_TYPES, build_run_now_fields
from flask_lakeflow_jobs.telemetry import GAUGES
from flask_lakeflow_jobs.web.responses import PROBLEM_TYPE_PREFIX
from flask_lakeflow_jobs.web.sse.format import EVENT_TYPES

#: The meaning of each outcome.
OUTCOME_MEANINGS: Mapping[Outcome, str] = {
    Outcome.QUEUED: "The run waits in the queue of its job.",
    Outcome.PENDING: "The run waits for compute.",
    Outcome.RUNNING: "The run is being executed.",
    Outcome.BLOCKED: "The task waits for the tasks that it depends on.",
    Outcome.WAITING_FOR_RETRY: "An attempt failed, and another one follows.",
    Outcome.TERMINATING: "The run is ending, or its cancellation was requested.",
    Outcome.SUCCEEDED: "The run succeeded.",
    Outcome.SUCCEEDED_WITH_FAILURES: "The run succeeded, but some of its tasks failed.",
    Outcome.FAILED: "The run failed.",
    Outcome.TIMED_OUT: "The run took longer than its timeout in the workspace.",
    Outcome.CANCELED: "Someone canceled the run.",
    Outcome.SKIPPED: "The run never started, for example because the job was at its limit.",
    Outcome.UPSTREAM_FAILED: "The task never started, because a task before it failed.",
    Outcome.UPSTREAM_CANCELED: "The task never started, because a task before it was canceled.",
    Outcome.EXCLUDED: "The task never started, because its `run_if` condition was not met.",
    Outcome.DISABLED: "The task never started, because it is disabled.",
    Outcome.INTERNAL_ERROR: "Databricks could not carry out the run.",
    Outcome.UNKNOWN: "The run has a state that this version does not know.",
}

#: Example parameters for each task type.
EXAMPLES: Mapping[str, dict[str, Any]] = {
    "job": {"day": "2025-01-01", "dry": True},
    "notebook": {"day": "2025-01-01"},
    "python_wheel": {"day": "2025-01-01"},
    "python_script": {"args": ["--day", "2025-01-01"]},
    "spark_jar": {"args": ["2025-01-01"]},
    "sql": {"day": "2025-01-01"},
    "pipeline": {"full_refresh": True},
    "dbt": {},
    "dbt_commands": {"commands": ["dbt run"]},
}

#: A generated section of a page.
SECTION = re.compile(
    r"^(<!-- made of code: (\S+) -->\n).*?(^<!-- end -->)$", re.DOTALL | re.MULTILINE
)


def keys() -> Table:
    """Build the table of the extension's own keys."""
    return Table(
        ("Key", "Default", "Meaning"),
        tuple((code(key.name), as_json(key.default), key.meaning) for key in KEYS),
    )


def sdk_keys() -> Table:
    """Build the table of the SDK's keys."""
    return Table(
        ("Key", "Argument of the SDK"),
        tuple((code(key), code(argument)) for key, argument in SDK_KEYS.items()),
    )


def job_settings() -> Table:
    """Build the table of the settings of a job."""
    meanings = params_of(JobConfig)
    return Table(
        ("Setting", "Default", "Meaning"),
        tuple(
            (code(field.name), as_json(field.default), meanings[field.name])
            for field in dataclasses.fields(JobConfig)
        ),
    )


def run_status() -> Table:
    """Build the table of a status: its fields, its properties, and those in events."""
    meanings = params_of(RunStatus)
    properties = {
        name: sentence(summary_of(member))
        for name, member in vars(RunStatus).items()
        if isinstance(member, property)
    }
    progress = RunProgress(0, "", None, 0)
    example = RunStatus(0, SimpleNamespace(), 0, {"state": {}}, progress)  # type: ignore[arg-type]
    return Table(
        ("Attribute", "In JSON", "Meaning"),
        tuple(
            (code(name), code(name) if name in example.to_dict() else "", meaning)
            for name, meaning in {**properties, **meanings}.items()
        ),
    )


def task_types() -> Table:
    """Build the table of run-now fields by task type, by converting example parameters."""
    return Table(
        ("`task_type`", "Parameters", "Sent to `run-now`"),
        tuple(
            (
                code(task_type),
                as_json(EXAMPLES[task_type]) or "none",
                as_json(build_run_now_fields(task_type, EXAMPLES[task_type])) or "nothing",
            )
            for task_type in sorted(TASK_TYPES, key=list(EXAMPLES).index)
        ),
    )


def outcomes() -> Table:
    """Build the table of outcomes."""
    return Table(
        ("Outcome", "Ended", "Exit code", "Meaning"),
        tuple(
            (code(outcome), *_describe_end(outcome), OUTCOME_MEANINGS[outcome])
            for outcome in Outcome
        ),
    )


def _describe_end(outcome: Outcome) -> tuple[str, str]:
    if outcome in ACTIVE_OUTCOMES.values():
        return "no", ""
    ended = "unknown" if outcome is Outcome.UNKNOWN else "yes"
    return ended, code(int(exit_code_of(outcome)))


def exit_codes() -> Table:
    """Build the table of exit codes of ``flask jobs``."""
    return Table(
        ("Exit code", "Meaning"),
        tuple((code(int(each)), meaning) for each, meaning in MEANINGS.items()),
    )


def events() -> Table:
    """Build the table of events of a stream."""
    return Table(
        ("`event:`", "`data:`", "Meaning"),
        tuple(
            (code(event.name) if event.name else "none", event.data, event.meaning)
            for event in EVENT_TYPES
        ),
    )


def errors() -> Table:
    """Build the table of errors with their HTTP statuses and exit codes."""
    return Table(
        ("Error", "HTTP status", "Exit code", "Meaning"),
        tuple(
            (link_to(error), code(error.code), code(error.exit_code), summary_of(error))
            for error in _subclasses_of(LakeflowJobsError)
        ),
    )


def problem_types() -> Table:
    """Build the table of problem document types."""
    return Table(
        ("`type`", "Status", "Retryable", "Error"),
        tuple(
            (
                code(PROBLEM_TYPE_PREFIX + error.kind),
                code(error.code),
                "yes" if error.retryable else "no",
                link_to(error),
            )
            for error in _subclasses_of(LakeflowJobsError)
        ),
    )


def link_to(error: type[LakeflowJobsError]) -> str:
    """Return a link to an error in the API reference."""
    return f"[{code(error.__name__)}](api.md#errors)"


def _subclasses_of(error: type[LakeflowJobsError]) -> Iterator[type[LakeflowJobsError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses_of(subclass)


def local_tasks() -> Table:
    """Build the table of task kinds in the local workspace."""
    return Table(
        ("Kind", "Local workspace"),
        (*((code(name), _describe(name, kind)) for name, kind in TASK_KINDS.items()),),
    )


def _describe(name: str, kind: TaskKind) -> str:
    if kind.support is None:
        return f"does not run. {describe_refusal(name).partition('. ')[2]}"
    return f"runs {kind.support}".strip()


def gauges() -> Table:
    """Build the table of gauges and of the fields of the health document."""
    return Table(
        ("Gauge", "In the health document", "Meaning"),
        tuple(
            (code(gauge.name), code(gauge.path), sentence(gauge.description)) for gauge in GAUGES
        ),
    )


def servers() -> Table:
    """Build the table of servers from the rows of the test matrix."""
    return Table(
        (
            "Server",
            "Streams",
            "A viewer who leaves is noticed",
            "At its stop, the server",
            "Set, or use instead",
        ),
        tuple(
            (describe_server(row), row.streams.value, row.leave.value, row.stop.value, row.advice)
            for row in SERVERS
        ),
    )


def proxies() -> Table:
    """Build the table of proxies from the rows of the test matrix."""
    return Table(
        ("Proxy", "Set", "Streams on gunicorn's gthread worker"),
        tuple(
            (row.title, code(row.settings) if row.settings else "nothing", row.streams.value)
            for row in PROXIES
        ),
    )


#: The tables by their names in pages.
TABLES: Mapping[str, Callable[[], Table]] = {
    "keys": keys,
    "sdk-keys": sdk_keys,
    "job-settings": job_settings,
    "run-status": run_status,
    "task-types": task_types,
    "outcomes": outcomes,
    "exit-codes": exit_codes,
    "events": events,
    "errors": errors,
    "problem-types": problem_types,
    "routes": routes,
    "http-parameters": http_parameters,
    "local-api": local_api,
    "local-tasks": local_tasks,
    "local-limits": local_limits,
    "gauges": gauges,
    "template-globals": template_globals,
    "console-endpoints": console_endpoints,
    "css-variables": css_variables,
    "servers": servers,
    "proxies": proxies,
}


def render(name: str) -> str:
    """Render a section in Markdown.

    :param name: the name of a table, or ``commands``.
    """
    return commands() if name == "commands" else TABLES[name]().to_markdown()


def update_page(page: str) -> str:
    """Return a page in Markdown with all generated sections updated."""
    return SECTION.sub(lambda section: f"{section[1]}\n{render(section[2])}\n\n{section[3]}", page)


if __name__ == "__main__":
    for path in Path(__file__).parents[1].rglob("*.md"):
        path.write_text(update_page(path.read_text()))
