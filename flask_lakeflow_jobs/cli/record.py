"""``flask jobs record``: show, export and maintain the record of runs and actions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from flask.cli import AppGroup, with_appcontext

from ..config.keys import RECORD_DAYS, RECORD_URL
from ..config.notify import END_OUTCOMES
from ..errors import ConfigurationError
from ..maintenance import Maintenance
from ..text import format_csv_line
from .completion import complete_key
from .formatting import format_datetime, format_moment, local_zones
from .handles import get_state
from .options import limit_option, output_option
from .printing import print_document, print_progress, print_result, table_width
from .tables import format_table

if TYPE_CHECKING:
    from ..record.actions import RecordedAction
    from ..record.store import Record
    from ..record.values import PageToken, RecordedRun

    RecordRow = RecordedRun | RecordedAction

    Command = TypeVar("Command", bound=Callable[..., Any])

#: In capitals too, as other commands print them.
OUTCOMES = click.Choice(sorted(outcome.value for outcome in END_OUTCOMES), case_sensitive=False)

#: The databases cannot represent times that are much longer ago.
MAX_DAYS = 100_000

#: Rows that an export reads at once.
PAGE_SIZE = 500


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
@output_option
def show(undelivered: bool, limit: int, as_json: bool, **filters: Any) -> None:
    """Show recorded runs, newest first.

    Options select actions, or what could not be delivered, in place of runs.
    """
    if undelivered and not all(each is None or each is False for each in filters.values()):
        raise click.UsageError("--undelivered lists all deliveries. Omit it, or the filters.")
    found = get_record()
    rows: Sequence[Any]
    if undelivered:
        name, format_rows = "deliveries", format_deliveries
        rows = found.list_undelivered(limit)
    else:
        name, format_rows = (
            ("actions", format_actions) if filters["actions"] else ("runs", format_recorded_runs)
        )
        rows = _read_page(found, filters, limit)
    if as_json:
        print_document({name: [asdict(cast("Any", row)) for row in rows]})
    elif rows:
        print_result(format_rows(rows))
    else:
        print_progress(f"The record has no such {name}.")


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
) -> Sequence[RecordRow]:
    filters = dict(filters)
    if not filters.pop("actions"):
        from ..record.recorded_runs import RunFilter  # the extra "record"

        return found.list_runs(RunFilter(**filters), limit=limit, token=token)
    if filters.pop("outcome") is not None:
        raise click.UsageError("Actions have no outcome. Omit --outcome or --actions.")
    return found.list_actions(**filters, limit=limit, token=token)


def _read_all(found: Record, filters: Mapping[str, Any]) -> Iterator[RecordRow]:
    token = None
    while page := _read_page(found, filters, PAGE_SIZE, token):
        yield from page
        token = page[-1].page_token


def _format_csv(rows: Iterator[Any]) -> Iterator[str]:
    """Yield the header and one line per row, without names of columns if there are no rows."""
    header: list[str] = []
    for row in rows:
        values = asdict(row)
        if not header:
            header = list(values)
            yield format_csv_line(header)
        yield format_csv_line(values.values())


def _format_json_lines(rows: Iterator[Any]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(asdict(row))


def format_recorded_runs(rows: Sequence[Any]) -> list[str]:
    zones = local_zones(at for row in rows for at in (row.requested_at, row.ended_at))
    return format_table(
        ["RUN ID", "JOB", "STATE", f"REQUESTED ({zones})", "ENDED", "BY", "ERROR"],
        (
            [
                str(row.run_id or "-"),
                row.job_key,
                row.outcome or row.state.value,
                format_datetime(row.requested_at),
                format_datetime(row.ended_at),
                row.requested_by or "",
                row.error or "",
            ]
            for row in rows
        ),
        table_width(),
    )


def format_actions(rows: Sequence[Any]) -> list[str]:
    zones = local_zones(row.at for row in rows)
    return format_table(
        [f"TIME ({zones})", "ACTION", "RESULT", "JOB", "RUN ID", "BY", "FROM", "DETAIL"],
        (
            [
                format_datetime(row.at),
                row.action,
                row.result,
                row.job_key,
                str(row.run_id or ""),
                row.requested_by or "",
                f"{row.source} {row.address or ''}".strip(),
                row.detail or "",
            ]
            for row in rows
        ),
        table_width(),
    )


def _describe_state(delivery: Any) -> str:
    if delivery.failed_at:
        return "given up"
    due_at = max(delivery.created_at, delivery.next_attempt_at)  # the latter may be AT_ONCE
    return f"next {format_moment(due_at)}"


def format_deliveries(rows: Sequence[Any]) -> list[str]:
    return format_table(
        ["RUN ID", "JOB", "RECEIVER", "ATTEMPTS", "STATE", "ERROR"],
        (
            [
                str(row.run_id),
                row.job_key,
                row.receiver,
                str(row.attempts),
                _describe_state(row),
                row.last_error or "",
            ]
            for row in rows
        ),
        table_width(),
    )
