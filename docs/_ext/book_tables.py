"""The tables of the book, made of the code. Pure: each is a head and rows of Markdown."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click
from flask import Flask
from werkzeug.routing import Rule

from flask_lakeflow_jobs import LakeflowJobs, LakeflowJobsError, Outcome
from flask_lakeflow_jobs.cli import command_group
from flask_lakeflow_jobs.cli.exits import MEANINGS, exit_of
from flask_lakeflow_jobs.keys import KEYS, SDK_KEYS
from flask_lakeflow_jobs.outcome import ACTIVE
from flask_lakeflow_jobs.params import TASK_TYPES, run_now_fields
from flask_lakeflow_jobs.web.events import EVENT_TYPES
from flask_lakeflow_jobs.web.problems import NAMESPACE

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
                as_json(run_now_fields(task_type, EXAMPLES[task_type])) or "nothing",
            )
            for task_type in sorted(TASK_TYPES, key=list(EXAMPLES).index)
        ),
    )


def outcomes() -> Table:
    """Every outcome of a run."""
    return Table(
        ("Outcome", "The run", "Exit code"),
        tuple(
            (code(outcome), "goes on", "")
            if outcome in ACTIVE.values()
            else (code(outcome), "has ended", code(int(exit_of(outcome))))
            for outcome in Outcome
            if outcome is not Outcome.UNKNOWN
        )
        + ((code(Outcome.UNKNOWN), "is in a state that nobody knows yet", code(1)),),
    )


def exit_codes() -> Table:
    """The exit codes of ``flask jobs``."""
    return Table(
        ("Exit code", "Meaning"),
        tuple((code(int(exit)), meaning) for exit, meaning in MEANINGS.items()),
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
        ("Error", "HTTP status", "Problem type", "May pass", "Exit code", "Meaning"),
        tuple(
            (
                f"{{py:class}}`~flask_lakeflow_jobs.{error.__name__}`",
                code(error.code),
                code(error.kind),
                "yes" if error.retryable else "",
                code(error.exit_code),
                summary_of(error),
            )
            for error in _with_kinds(LakeflowJobsError)
        ),
    )


def problem_namespace() -> str:
    """What stands before the problem type of an error."""
    return NAMESPACE


def _with_kinds(error: type[LakeflowJobsError]) -> Iterator[type[LakeflowJobsError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _with_kinds(kind)


def routes() -> Table:
    """The HTTP routes, as an app has them."""
    app = Flask("book")
    LakeflowJobs(app)
    views = app.view_functions
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("lakeflow_jobs")]
    documented = [rule for rule in rules if inspect.getdoc(views[rule.endpoint])]
    return Table(
        ("Method", "Path", "Answer"),
        tuple(
            (code(method_of(rule)), code(path_of(rule)), summary_of(views[rule.endpoint]))
            for rule in documented
        ),
    )


def method_of(rule: Rule) -> str:
    """The method that a route is for.

    :param rule: the route.
    """
    return min((rule.methods or set()) - {"HEAD", "OPTIONS"})


def path_of(rule: Rule) -> str:
    """The path of a route as people write it.

    :param rule: the route.
    """
    return rule.rule.replace("run_id", "id").replace("<path:", "<")


def commands() -> str:
    """The commands of ``flask jobs`` with their options, in Markdown."""
    context = click.Context(command_group, info_name="flask jobs")
    return "\n\n".join(
        _command(command, click.Context(command, info_name=name, parent=context))
        for name, command in command_group.commands.items()
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


#: What a page may ask for, by name.
TABLES: Mapping[str, Callable[[], Table]] = {
    "keys": keys,
    "sdk-keys": sdk_keys,
    "task-types": task_types,
    "outcomes": outcomes,
    "exit-codes": exit_codes,
    "events": events,
    "errors": errors,
    "routes": routes,
}


def cells(table: Table) -> Iterable[str]:
    """All cells of a table, row by row.

    :param table: it.
    """
    return (cell for row in table.rows for cell in row)
