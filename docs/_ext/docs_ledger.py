"""The compatibility ledger of the local workspace, collected from the marks of its tests.

A test shows how a part of the workspace compares with the service, and says so::

    @pytest.mark.ledger("POST jobs/runs/cancel", same="API")
    @pytest.mark.ledger("dbt_task", differs="It runs on DuckDB.")
    @pytest.mark.ledger("sql_task", refused="A sql_task needs DuckDB or Spark here.")

Subjects are a route (``GET jobs/get``), a kind of task, or a field of a bundle (``bundle: sync``,
``job: queue``, ``task: run_if``). ``same`` names a source (:data:`SOURCES`), ``refused`` the
beginning of the message, with ``…`` for what varies. The tests of this module say which subjects
of the code have no row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs_markdown import Table, code

from flask_lakeflow_jobs.local.bundle.fields import DOCUMENT, JOB, TASK
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / "flask_lakeflow_jobs" / "local"

#: Where the behavior of the service is known from.
SOURCES: Mapping[str, str] = {
    "API": "reference of the API",
    "SDK": "databricks-sdk",
    "CLI": "recordings of the Databricks CLI",
    "docs": "documentation of Databricks",
}

_METHOD = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) ")
_SCOPES = ("bundle", "job", "task")


class LedgerError(ValueError):
    """A mark is not of the form of the module's examples; the message has file and line."""


@dataclass(frozen=True)
class Entry:
    """The comparison of a subject with the service, as a test marks it.

    :param verdict: ``same``, ``differs`` or ``refused``.
    :param detail: the source, the difference, or the message.
    """

    subject: str
    verdict: str
    detail: str
    test: str
    file: str


@cache
def read_entries() -> tuple[Entry, ...]:
    """Read the marks of all tests."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return tuple(entry for file in files for entry in find_entries(file.read_text(), file))


def find_entries(text: str, file: Path) -> Iterator[Entry]:
    """Yield the entries of a test module.

    :raises LedgerError: a mark is of another form.
    """
    if "mark.ledger(" not in text:
        return
    name = file.relative_to(ROOT).as_posix()
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            for mark in function.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.ledger":
                    yield from _parse_mark(mark, function.name, name)


def _parse_mark(mark: ast.Call, test: str, file: str) -> Iterator[Entry]:
    try:
        subjects = [ast.literal_eval(each) for each in mark.args]
        ((verdict, detail),) = [(each.arg, ast.literal_eval(each.value)) for each in mark.keywords]
    except ValueError:
        raise LedgerError(
            f"{file}:{mark.lineno}: Use literals: ledger('<subject>', …, same='<source>'), "
            "differs='<sentence>' or refused='<message>'."
        ) from None
    if verdict not in {"same", "differs", "refused"} or not subjects:
        raise LedgerError(f"{file}:{mark.lineno}: Use a subject, and same, differs or refused.")
    if verdict == "same" and detail not in SOURCES:
        raise LedgerError(f"{file}:{mark.lineno}: Use a source of {', '.join(SOURCES)}.")
    for subject in subjects:
        yield Entry(subject, verdict, detail, test, file)


@cache
def read_routes() -> frozenset[str]:
    """Return the routes of the workspace, from the keys of its route tables."""
    return frozenset(
        f"{key.elts[0].value} {key.elts[1].value}"  # type: ignore[attr-defined]
        for tree in _read_modules()
        for table in ast.walk(tree)
        if isinstance(table, ast.Dict)
        for key in table.keys
        if isinstance(key, ast.Tuple)
        and len(key.elts) == 2
        and all(isinstance(each, ast.Constant) for each in key.elts)
        and _METHOD.match(f"{key.elts[0].value} ")  # type: ignore[attr-defined]
    )


def read_fields() -> frozenset[str]:
    """Return the fields of a bundle, of a job and of a task, as subjects."""
    scopes = zip(_SCOPES, (DOCUMENT, JOB, TASK), strict=True)
    return frozenset(
        f"{scope}: {name}" for scope, field in scopes for name in {*field.names} - TASK_KINDS.keys()
    )


@cache
def read_refusals() -> frozenset[str]:
    """Return the messages of tasks that cannot run, with ``…`` for what varies."""
    return frozenset(
        text
        for tree in _read_modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "CannotRun" and call.args
        if (text := _text_of(call.args[0])).strip("…")
    )


@cache
def read_texts() -> frozenset[str]:
    """Return all strings of the workspace's code, with ``…`` for what varies."""
    return frozenset(
        text for tree in _read_modules() for node in ast.walk(tree) if (text := _text_of(node))
    )


@cache
def _read_modules() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text()) for path in sorted(LOCAL.rglob("*.py")))


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) or "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def scope_of(subject: str) -> str:
    """Return the table that a subject belongs to: ``route``, ``kind`` or ``bundle``."""
    if _METHOD.match(subject):
        return "route"
    return "kind" if subject in TASK_KINDS else "bundle"


def ledger_routes() -> Table:
    """Build the table of routes."""
    return _build_table("Route", "route")


def ledger_tasks() -> Table:
    """Build the table of kinds of tasks."""
    return _build_table("Kind", "kind")


def ledger_bundle() -> Table:
    """Build the table of fields of a bundle."""
    return _build_table("Field", "bundle")


def _build_table(head: str, scope: str) -> Table:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for entry in read_entries():
        if scope_of(entry.subject) == scope:
            key = (entry.subject, entry.verdict, entry.detail)
            rows.setdefault(key, []).append(_format_test(entry))
    order = ("same", "differs", "refused")
    return Table(
        (head, "Compared with the service", "How, or the source or message", "Shown by"),
        tuple(
            (code(subject), verdict, _format_detail(verdict, detail), ", ".join(tests))
            for (subject, verdict, detail), tests in sorted(
                rows.items(), key=lambda row: (_path_of(row[0][0]), order.index(row[0][1]), row[0])
            )
        ),
    )


def _path_of(subject: str) -> str:
    """Return what a subject is sorted by: a route without its method."""
    return _METHOD.sub("", subject)


def _format_detail(verdict: str, detail: str) -> str:
    if verdict == "same":
        return SOURCES[detail]
    return f"“{detail}”" if verdict == "refused" else detail


def _format_test(entry: Entry) -> str:
    title = entry.test.removeprefix("test_").replace("_", " ")
    return f"{{test}}`{title} <{entry.file}::{entry.test}>`"
