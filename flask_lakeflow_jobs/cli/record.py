"""``flask jobs record``: show, export and maintain the record of runs and actions."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from flask.cli import AppGroup, with_appcontext

from ..config.keys import RECORD_DAYS, RECORD_URL
from ..config.notify import END_OUTCOMES
from ..errors import ConfigurationError, LakeflowJobsError
from ..maintenance import Maintenance
from ..record.values import RowState
from ..text import format_csv_line
from ..unfinished_runs import PresentState, is_unfinished, read_present_state
from ..upstream.concurrent_reads import read_each
from .completion import complete_key
from .handles import MAX_TABLE_READ_SECONDS, find_handle, get_state
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
    from ..record.values import PageToken, RecordedRun
    from ..runs.outcome import Outcome

    Command = TypeVar("Command", bound=Callable[..., Any])

#: In capitals too, as other commands print them.
OUTCOMES = click.Choice(sorted(outcome.value for outcome in END_OUTCOMES), case_sensitive=False)

#: The databases cannot represent times that are much longer ago.
MAX_DAYS = 100_000

#: Rows that an export reads at once.
PAGE_SIZE = 500

#: Unfinished runs that are read again for one table, the newest.
MAX_READS = 50


@click.group(cls=AppGroup)
def record() -> None:
    """Show, export and maintain the record of runs and actions."""


def get_record() -> Record:
    """Return the record of the current app.

    :raises ConfigurationError: the app has none.
    """
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
    """Add the options that select rows; :func:`_read_page` takes them all."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@record.command()
@with_appcontext
def upgrade() -> None:
    """Create or upgrade the tables of the record."""
    from ..record.versions import upgrade_schema  # the extra "record"

    before, after = upgrade_schema(get_record().database)
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

    Runs without a recorded end are read again from the workspace. Options select actions, or what
    could not be delivered, in place of runs.
    """
    if undelivered and not all(each is None or each is False for each in filters.values()):
        raise click.UsageError("--undelivered lists all deliveries. Omit it, or the filters.")
    found, width = get_record(), None if is_wide else table_width()
    table: Sequence[str]
    rows: Sequence[Any]
    if undelivered:
        name, rows = "deliveries", found.list_undelivered(limit)
        table = format_deliveries(rows, width)
    elif filters["actions"]:
        name, rows = "actions", _read_page(found, filters, limit)
        table = format_actions(rows, width)
    else:
        name, (rows, present) = "runs", _read_present_runs(found, filters, limit)
        table = format_recorded_runs(rows, present, width)
    if as_json:
        print_document({name: [vars(row) for row in rows]})
    elif rows:
        print_result(table)
    else:
        print_progress(f"The record has no such {name}.")


def _read_present_runs(
    found: Record, filters: Mapping[str, Any], limit: int
) -> tuple[Sequence[RecordedRun], dict[int, Outcome]]:
    """Return a page of runs, and the outcomes of those that were read again."""
    rows = unfinished = _read_page(found, filters, limit)
    if filters["outcome"] is not None:  # a run may have it whose end is not recorded
        started = {**filters, "outcome": None, "state": RowState.STARTED}
        unfinished = _read_page(found, started, limit)
    present = read_present_outcomes(unfinished)
    return (_read_page(found, filters, limit) if present else rows), present


def read_present_outcomes(rows: Sequence[RecordedRun]) -> dict[int, Outcome]:
    """Read runs without a recorded end again, and print how many could not be read.

    :return: the outcomes by row.
    """
    jobs = get_state().settings.jobs
    started = [row for row in rows if row.state is RowState.STARTED]
    unfinished = [
        row
        for row in started
        if (job := jobs.get(row.job_key)) is not None and is_unfinished(row, job.job_id)
    ]
    can_read = not unfinished or is_workspace_available()
    chosen = unfinished[:MAX_READS] if can_read else []
    states = read_each(_read_present_state, chosen, MAX_TABLE_READ_SECONDS)
    limit = (
        f"Only the newest {MAX_READS} are read."
        if can_read
        else "Start the local workspace: flask jobs local"
    )
    reasons = Counter(
        {
            limit: len(unfinished) - len(chosen),
            "The app has no job with their key and id now.": len(started) - len(unfinished),
        }
    )
    reasons.update(each.detail for each in states if isinstance(each, LakeflowJobsError))
    for reason, count in (+reasons).items():
        print_warning(f"Runs that may have ended, but could not be read: {count}. {reason}")
    return {
        row.id: state.outcome
        for row, state in zip(chosen, states, strict=True)
        if isinstance(state, PresentState)
    }


def _read_present_state(row: RecordedRun) -> PresentState:
    return read_present_state(find_handle(row.job_key), row.run_id or 0, row.started_at)


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

    Times are in milliseconds since the epoch.
    """
    rows = _read_all(get_record(), filters)
    write = _format_csv if file_format == "csv" else _format_json_lines
    for text in write(rows):
        print_result(text, needs_reader=True)


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


def _read_page(
    found: Record, filters: Mapping[str, Any], limit: int, token: PageToken | None = None
) -> Sequence[Any]:
    """Read a page of runs or actions."""
    filters = dict(filters)
    if filters["run_id"] is not None:
        filters["job_ids"] = [job.job_id for job in get_state().settings.jobs.values()]
    if not filters.pop("actions"):
        from ..record.recorded_runs import RunFilter  # the extra "record"

        return found.list_runs(RunFilter(**filters), limit=limit, token=token)
    if filters.pop("outcome") is not None:
        raise click.UsageError("Actions have no outcome. Omit --outcome or --actions.")
    return found.list_actions(**filters, limit=limit, token=token)


def _read_all(found: Record, filters: Mapping[str, Any]) -> Iterator[Any]:
    token = None
    while page := _read_page(found, filters, PAGE_SIZE, token):
        yield from page
        token = page[-1].page_token


def _format_csv(rows: Iterator[Any]) -> Iterator[str]:
    """Yield the header and one line per row, without names of columns if there are no rows."""
    header: list[str] = []
    for row in rows:
        values = vars(row)
        if not header:
            header = list(values)
            yield format_csv_line(header)
        yield format_csv_line(values.values())


def _format_json_lines(rows: Iterator[Any]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(vars(row))
