"""``flask jobs record``: show, export and maintain the record of runs and actions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import click
from flask.cli import AppGroup, with_appcontext

from ..config.keys import RECORD_DAYS, RECORD_URL
from ..config.notify import END_OUTCOMES
from ..errors import ConfigurationError
from ..maintenance import Maintenance
from ..present_runs import EXPORT_LIMIT, PAGE_LIMIT, PresentRuns, ReadLimit
from ..text import format_csv_line
from .completion import complete_key
from .handles import MAX_TABLE_READ_SECONDS, get_state
from .local import is_workspace_available
from .options import limit_option, parse_run_option, table_option
from .printing import (
    print_document,
    print_progress,
    print_result,
    print_warning,
    table_width,
)
from .record_tables import format_actions, format_deliveries, format_recorded_runs

if TYPE_CHECKING:
    from ..record.store import Record

    Command = TypeVar("Command", bound=Callable[..., Any])

#: In capitals too, as other commands print them.
OUTCOMES = click.Choice(sorted(outcome.value for outcome in END_OUTCOMES), case_sensitive=False)

#: The databases cannot represent times that are much longer ago.
MAX_DAYS = 100_000

#: Rows that an export reads at once.
PAGE_SIZE = 500

#: The limit for a table, and if the local workspace does not run.
TABLE_LIMIT = PAGE_LIMIT._replace(seconds=MAX_TABLE_READ_SECONDS)
NOT_SERVED = ReadLimit(0, 0.0, "Start the local workspace: flask jobs local")


@click.group(cls=AppGroup)
def record() -> None:
    """Show, export and maintain the record of runs and actions."""


def get_record() -> Record:
    """Return the record of the current app, with the tables of this version.

    :raises ConfigurationError: the app has none.
    :raises RecordOutdated: it has the tables of another version. The message says what to run.
    """
    found = _find_record()
    found.check_schema(is_exact=True)
    return found


def _find_record() -> Record:
    found = get_state().record
    if found is None:
        raise ConfigurationError(
            f"This app has no record. Set {RECORD_URL.name} to true or to the URL of a database."
        )
    return found


def parse_time_option(text: str) -> int:
    """Parse a date or a date and time to milliseconds since the epoch. Without a zone, it is local.

    :raises click.BadParameter: it is neither.
    """
    try:
        return round(dt.datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is not a time. Use 2025-01-31 or 2025-01-31T12:30."
        ) from None


def parse_text_option(text: str) -> str:
    """Replace bytes that are no text in the terminal's encoding, which no database takes."""
    return text.encode(errors="replace").decode()


#: The options that select rows, named as the filters of the record are.
_FILTERS = (
    click.option(
        *("--job", "job_keys"),
        type=parse_text_option,
        metavar="KEY",
        multiple=True,
        callback=lambda _context, _option, keys: keys or None,
        shell_complete=complete_key,
        help="Only this job. Repeatable.",
    ),
    click.option(
        *("--by", "requested_by"),
        type=parse_text_option,
        metavar="NAME",
        help="Only what this person or user requested.",
    ),
    click.option(
        *("--run", "run_id"),
        type=parse_run_option,
        metavar="RUN_ID",
        help="Only this run of the app's jobs.",
    ),
    click.option(
        "--outcome",
        type=OUTCOMES,
        metavar="OUTCOME",
        help="Only runs with this outcome.",
    ),
    click.option(
        "--since",
        type=parse_time_option,
        metavar="TIME",
        help="Not before a date, such as 2025-01-31.",
    ),
    click.option("--until", type=parse_time_option, metavar="TIME", help="Before a date."),
    click.option("--actions", is_flag=True, help="Actions in place of runs."),
)


def filter_options(command: Command) -> Command:
    """Add the options that select rows; :func:`_find_reader` takes them all."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@record.command()
@with_appcontext
def upgrade() -> None:
    """Create or upgrade the tables of the record."""
    from ..record.versions import upgrade_schema  # the extra "record"

    before, after = upgrade_schema(_find_record().database)
    if before == after:
        print_progress(f"The record has version {after} already.")
    else:
        print_progress(f"The record has version {after} now.")


@record.command()
@with_appcontext
@filter_options
@click.option(
    "--undelivered",
    is_flag=True,
    help="Ends that have not reached a receiver, with the last error, in place of runs.",
)
@limit_option
@table_option
def show(undelivered: bool, limit: int, as_json: bool, is_wide: bool, **filters: Any) -> None:
    """Show recorded runs, newest first.

    Runs without a recorded end are read again from the workspace, the newest 50 of them. Options
    select actions, or what could not be delivered, in place of runs.
    """
    if undelivered and not all(each is None or each is False for each in filters.values()):
        raise click.UsageError("--undelivered lists all deliveries. Omit it, or the filters.")
    found, width = get_record(), None if is_wide else table_width()
    present = _present_runs(TABLE_LIMIT)
    table: Sequence[str]
    rows: Sequence[Any]
    if undelivered:
        name, rows = "deliveries", found.list_undelivered(limit)
        table = format_deliveries(rows, width)
    elif filters["actions"]:
        name, rows = "actions", _find_reader(filters, present)(limit=limit)
        table = format_actions(rows, width)
    else:
        name, rows = "runs", _find_reader(filters, present)(limit=limit)
        table = format_recorded_runs(rows, width)
        _print_unread(present)
    if as_json:
        print_document({name: [vars(row) for row in rows]})
    elif rows:
        print_result(table)
    else:
        print_progress(f"The record has no such {name}.")


def _present_runs(limit: ReadLimit) -> PresentRuns:
    """Return lists of the record; they read no run if that would start a local workspace."""
    return PresentRuns(get_state(), limit if is_workspace_available() else NOT_SERVED)


def _print_unread(present: PresentRuns) -> None:
    """Print how many runs may have ended, but could not be read."""
    for reason, count in present.unread.items():
        print_warning(f"Runs that may have ended, but could not be read: {count}. {reason}")


@record.command()
@with_appcontext
@filter_options
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "json"]),
    default="csv",
    show_default=True,
    help="JSON has one object per line.",
)
def export(file_format: str, **filters: Any) -> None:
    """Print all recorded runs or actions, newest first, as CSV or JSON.

    Times are in milliseconds since the epoch. Runs without a recorded end are read again from the
    workspace, the newest 1,000 of them, for ten seconds.
    """
    get_record()
    present = _present_runs(EXPORT_LIMIT)
    rows = _read_all(_find_reader(filters, present))
    if file_format == "csv":
        from ..record.actions import RecordedAction  # the extra "record"
        from ..record.values import RecordedRun

        lines = _format_csv(rows, RecordedAction if filters["actions"] else RecordedRun)
    else:
        lines = _format_json_lines(rows)
    for text in lines:
        print_result(text, needs_reader=True)
    _print_unread(present)


@record.command()
@with_appcontext
@click.option(
    "--days",
    type=click.IntRange(0, MAX_DAYS),
    metavar="N",
    help=f"Keep what is younger.  [default: {RECORD_DAYS.name}]",
)
def prune(days: int | None) -> None:
    """Delete old runs and actions. Runs that have not ended stay for 60 days more.

    The app does the same once a day.
    """
    state = get_state()
    days = state.settings.record_days if days is None else days
    runs, actions = Maintenance(state, get_record()).prune(days)
    print_progress(f"Deleted {runs} runs and {actions} actions that were older than {days} days.")


def _find_reader(filters: Mapping[str, Any], present: PresentRuns) -> Callable[..., Sequence[Any]]:
    """Return the function that reads a page of runs or actions."""
    filters = dict(filters)
    if filters["run_id"] is not None:
        filters["job_ids"] = [job.job_id for job in get_state().settings.jobs.values()]
    if not filters.pop("actions"):
        from ..record.recorded_runs import RunFilter  # the extra "record"

        return partial(present.list_runs, RunFilter(**filters))
    if filters.pop("outcome") is not None:
        raise click.UsageError("Actions have no outcome. Omit --outcome or --actions.")
    return partial(get_record().list_actions, **filters)


def _read_all(read: Callable[..., Sequence[Any]]) -> Iterator[Any]:
    token = None
    while page := read(limit=PAGE_SIZE, token=token):
        yield from page
        token = page[-1].page_token


def _format_csv(rows: Iterator[Any], row_type: type[Any]) -> Iterator[str]:
    """Yield the names of the columns, and one line per row."""
    first = list(islice(rows, 1))  # before the names, because the record may fail
    yield format_csv_line(field.name for field in fields(row_type))
    for row in chain(first, rows):
        yield format_csv_line(vars(row).values())


def _format_json_lines(rows: Iterator[Any]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(vars(row))
