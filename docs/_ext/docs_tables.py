"""The tables of the book, made of the code.

They stand in the pages, each between two comments, so that they can be read in the repository too.
A test says when they differ from what the code says; this module, run, writes them anew::

    python docs/_ext/docs_tables.py
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, LakeflowJobsError, Outcome
from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.cli.exit_codes import MEANINGS, exit_code_of
from flask_lakeflow_jobs.config.keys import KEYS, SDK_KEYS
from flask_lakeflow_jobs.local.model import TASK_KINDS
from flask_lakeflow_jobs.runs.outcome import ACTIVE
from flask_lakeflow_jobs.runs.params import TASK_TYPES, build_run_now_fields
from flask_lakeflow_jobs.web.problems import PROBLEM_TYPE_PREFIX
from flask_lakeflow_jobs.web.sse.format import EVENT_TYPES

#: What the SDK's JobsAPI asks for, and whether the local workspace serves it.
JOBS_API: Mapping[str, bool] = {
    "POST jobs/create": True,
    "GET jobs/get": True,
    "GET jobs/list": True,
    "POST jobs/update": True,
    "POST jobs/reset": True,
    "POST jobs/delete": True,
    "POST jobs/run-now": True,
    "POST jobs/runs/submit": True,
    "GET jobs/runs/get": True,
    "GET jobs/runs/list": True,
    "GET jobs/runs/get-output": True,
    "GET jobs/runs/export": True,
    "POST jobs/runs/cancel": True,
    "POST jobs/runs/cancel-all": True,
    "POST jobs/runs/repair": True,
    "POST jobs/runs/delete": True,
    "GET permissions/jobs/{id}": True,
    "GET permissions/jobs/{id}/permissionLevels": True,
    "PUT permissions/jobs/{id}": False,
    "PATCH permissions/jobs/{id}": False,
}

#: The kinds of tasks that the local workspace runs, and what each needs for it.
RUNNABLE: Mapping[str, str] = {
    "notebook_task": ", from a `.py` source notebook or an `.ipynb`",
    "spark_python_task": "",
    "python_wheel_task": ", if the package is installed where the app is",
    "sql_task": " SQL files on DuckDB (the extra `sql`)",
    "condition_task": "",
    "for_each_task": "",
    "run_job_task": "",
}

#: What the local workspace does with the other kinds.
SIMULATED = "is simulated, or ends with a message that says so"

#: The job by which routes are found out: the document names each.
JOB = "etl"

#: What a job of each task type is given, for the table that shows where it goes.
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


#: Where something that is made of the code stands in a page.
PLACE = re.compile(
    r"^(<!-- made of code: (\S+) -->\n).*?(^<!-- end -->)$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Table:
    """A table.

    :param head: the names of its columns.
    :param rows: its cells, in Markdown.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """The same as Markdown."""
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return "\n".join(f"| {' | '.join(map(escaped, cells))} |" for cells in lines)


def escaped(cell: str) -> str:
    """Text that stays in its cell.

    :param cell: Markdown.
    """
    return " ".join(cell.split()).replace("|", "\\|")


def code(text: object) -> str:
    """Text as code.

    :param text: it.
    """
    return f"`{text}`"


def as_json(value: Any) -> str:
    """A value as code; nothing for nothing.

    :param value: anything that JSON can hold.
    """
    return "" if value in (None, {}) else code(json.dumps(value))


def summary_of(documented: object) -> str:
    """The first paragraph of a docstring.

    :param documented: what has it.
    """
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def keys() -> Table:
    """The extension's own keys."""
    return Table(
        ("Key", "Default", "Meaning"),
        tuple((code(key.name), as_json(key.default), key.meaning) for key in KEYS),
    )


def sdk_keys() -> Table:
    """The SDK's keys."""
    return Table(
        ("Key", "The SDK calls it"),
        tuple((code(key), code(argument)) for key, argument in SDK_KEYS.items()),
    )


def task_types() -> Table:
    """Where each task type puts parameters, found out by doing it."""
    return Table(
        ("`task_type`", "Parameters", "What run-now is sent"),
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
    """Every outcome of a run."""
    return Table(
        ("Outcome", "The run", "Exit code"),
        tuple((code(outcome), *_end_of(outcome)) for outcome in Outcome),
    )


def _end_of(outcome: Outcome) -> tuple[str, str]:
    if outcome in ACTIVE.values():
        return "goes on", ""
    if outcome is Outcome.UNKNOWN:
        return "is in a state that nobody knows yet", code(int(exit_code_of(outcome)))
    return "has ended", code(int(exit_code_of(outcome)))


def exit_codes() -> Table:
    """The exit codes of ``flask jobs``."""
    return Table(
        ("Exit code", "Meaning"),
        tuple((code(int(each)), meaning) for each, meaning in MEANINGS.items()),
    )


def events() -> Table:
    """The events of a stream."""
    return Table(
        ("`event:`", "`data:`", "Meaning"),
        tuple(
            (code(event.name) if event.name else "none", event.data, event.meaning)
            for event in EVENT_TYPES
        ),
    )


def errors() -> Table:
    """Every error, with what it is over HTTP and on the command line."""
    return Table(
        ("Error", "HTTP status", "Exit code", "Meaning"),
        tuple(
            (class_of(error), code(error.code), code(error.exit_code), summary_of(error))
            for error in _with_kinds(LakeflowJobsError)
        ),
    )


def problem_types() -> Table:
    """The types of problem documents."""
    return Table(
        ("`type`", "Status", "May pass", "Error"),
        tuple(
            (
                code(PROBLEM_TYPE_PREFIX + error.kind),
                code(error.code),
                "yes" if error.retryable else "no",
                class_of(error),
            )
            for error in _with_kinds(LakeflowJobsError)
        ),
    )


def class_of(error: type[LakeflowJobsError]) -> str:
    """A link to an error's place in the reference.

    :param error: it.
    """
    return f"[{code(error.__name__)}](api.md#errors)"


def _with_kinds(error: type[LakeflowJobsError]) -> Iterator[type[LakeflowJobsError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _with_kinds(kind)


def routes() -> Table:
    """The HTTP routes, of the app's own OpenAPI document."""
    return Table(
        ("Method", "Path", "What it does", "Statuses"),
        tuple(
            (
                code(method.upper()),
                code(path),
                operation["summary"].removesuffix(f" of {JOB}"),
                " ".join(map(code, sorted(operation["responses"]))),
            )
            for method, path, operation in _operations()
        ),
    )


def http_parameters() -> Table:
    """What can be said in the query and the headers of a request."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for method, path, operation in _operations():
        for parameter in operation.get("parameters", []):
            about = (parameter["name"], parameter["in"], parameter["description"])
            rows.setdefault(about, []).append(f"`{method.upper()} {path}`")
    return Table(
        ("Name", "Where", "Meaning", "Of"),
        tuple(
            (code(name), where, meaning, ", ".join(paths))
            for (name, where, meaning), paths in rows.items()
        ),
    )


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with its method and its path."""
    app = Flask("docs")
    app.config["LAKEFLOW_JOBS_WEBHOOK_USERNAME"] = "databricks"
    app.config["LAKEFLOW_JOBS_WEBHOOK_PASSWORD"] = "secret"  # noqa: S105
    LakeflowJobs(app, jobs={JOB: {"job_id": 1}})
    document = app.test_client().get("/api/jobs/openapi.json").get_json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                for place, parameter in enumerate(operation.get("parameters", [])):
                    if "$ref" in parameter:
                        name = parameter["$ref"].rpartition("/")[2]
                        operation["parameters"][place] = document["components"]["parameters"][name]
                yield method, document["servers"][0]["url"] + path_of(path), operation


def path_of(path: str) -> str:
    """The path of a route as people write it.

    :param path: as OpenAPI has it.
    """
    return (
        path.replace(f"/{JOB}/", "/{key}/")
        .replace("{run_id}", "{id}")
        .replace("{", "<")
        .replace("}", ">")
    )


def local_api() -> Table:
    """The Jobs API's endpoints, and what the local workspace does with each."""
    return Table(
        ("Endpoint", "Here"),
        tuple(
            (code(endpoint), "served" if is_served else "refused, as an endpoint that is not there")
            for endpoint, is_served in JOBS_API.items()
        ),
    )


def local_tasks() -> Table:
    """The kinds of tasks, and what the local workspace does with each."""
    return Table(
        ("Kind", "Here"),
        (
            *((code(kind), f"runs{needs}") for kind, needs in RUNNABLE.items()),
            *((code(kind), SIMULATED) for kind in sorted(TASK_KINDS - set(RUNNABLE))),
        ),
    )


def commands() -> str:
    """The commands of ``flask jobs`` with their options, in Markdown."""
    context = click.Context(command_group, info_name="flask jobs")
    return "\n\n".join(
        _command(command, click.Context(command, info_name=name, parent=context))
        for name in command_group.list_commands(context)
        if (command := command_group.get_command(context, name))
    )


def _command(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context))
        and "--help" not in record[0]
    ]
    table = Table(
        ("Option", "Meaning"), tuple((code(option), meaning) for option, meaning in options)
    )
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    parts = [f"### `{context.command_path}`", f"```text\n{usage}\n```", text]
    return "\n\n".join([*parts, table.to_markdown()] if options else parts)


#: The tables that stand in pages, by name.
TABLES: Mapping[str, Callable[[], Table]] = {
    "keys": keys,
    "sdk-keys": sdk_keys,
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
}


def made(name: str) -> str:
    """What stands in a page under a name, in Markdown.

    :param name: of a table, or ``commands``.
    """
    return commands() if name == "commands" else TABLES[name]().to_markdown()


def rewritten(page: str) -> str:
    """A page with everything that is made of the code made anew.

    :param page: it, in Markdown.
    """
    return PLACE.sub(lambda place: f"{place[1]}\n{made(place[2])}\n\n{place[3]}", page)


if __name__ == "__main__":
    for path in Path(__file__).parents[1].glob("*.md"):
        path.write_text(rewritten(path.read_text()))
