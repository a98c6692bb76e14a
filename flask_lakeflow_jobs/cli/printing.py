"""Printing: results to stdout, everything else to stderr, in any encoding and to closed streams.

Of JSON, the user may choose members with ``--fields``.

All text goes through :func:`clean`, so that no text of the workspace controls a terminal.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click

from ..errors import suggest
from ..runs.outcome import Outcome
from ..runs.redaction import redact_progress_tokens
from ..text import DIRECTIONS
from .exit_codes import ExitCode
from .tables import format_json

# Each alternative is linear: no repeated part contains the beginning of a sequence.
_SEQUENCE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: cursor, erasure, colors
    # OSC and other strings: title, clipboard, links
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\n\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_NEWLINE = r"(?P<newline>\r\n?)"  # a carriage return would let a text write over itself
# All of C0 except tab and newline, C1, and what reverses the direction of text.
_CHARACTER = rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{DIRECTIONS}]"
_UNWANTED = rf"{_SEQUENCE}|{_NEWLINE}|{_CHARACTER}"
_COLOR = r"\x1b\[[0-9;]*m"
_RESET = "\x1b[0m"


def keep_words(words: Collection[str]) -> re.Pattern[str]:
    """Return a pattern for :func:`remove_escapes` that keeps these words in one color."""
    alternatives = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.compile(rf"(?P<kept>(?:\x1b\[3[0-7]m)?(?:{alternatives}) *\x1b\[0m)|{_UNWANTED}")


#: A pattern for :func:`remove_escapes` that keeps colors and other looks of characters (SGR).
KEEP_COLORS = re.compile(rf"(?P<kept>{_COLOR})|{_UNWANTED}")


def remove_escapes(text: str, pattern: re.Pattern[str]) -> str:
    """Remove control characters, escape sequences and changes of direction from a text.

    Tabs and newlines stay, and a carriage return becomes a newline. Colors end with the text.

    :param pattern: also names what to keep.
    """

    def replace(match: re.Match[str]) -> str:
        return match["kept"] or ("\n" if match["newline"] else "")

    cleaned = pattern.sub(replace, text)
    return cleaned + _RESET if pattern is KEEP_COLORS and "\x1b" in cleaned else cleaned


#: The logger that reports retries, and loggers whose warnings an error of a command repeats.
UPSTREAM_LOGGER = "flask_lakeflow_jobs.upstream"
QUIET_LOGGERS = ("databricks", UPSTREAM_LOGGER)

#: The entry of the context of a command whose result could not be written.
IS_RESULT_LOST = "flask_lakeflow_jobs.is_result_lost"

#: An error of the workspace may quote a whole page.
MAX_RETRY_NOTICE_CHARACTERS = 300

#: The words that commands print in color: outcomes, headings, and the levels of ``doctor``.
COLORED_WORDS = {*Outcome.__members__, "Error:", "Warning:", "ok", "warning", "error"}
_KEEP_COLORED_WORDS = keep_words(COLORED_WORDS)

#: Where a context of click has the members that the user has chosen.
FIELDS = "flask_lakeflow_jobs.fields"


def clean(text: str) -> str:
    """Remove what a terminal would obey, except the colors of :data:`COLORED_WORDS`."""
    return remove_escapes(text, _KEEP_COLORED_WORDS)


def print_result(lines: str | Iterable[str], *, needs_reader: bool = False) -> None:
    """Print a result to stdout: a text, with one newline at the end, or lines.

    :param needs_reader: more follows, so end the command if the reader has closed the pipe.
    """
    text = lines if isinstance(lines, str) else "\n".join(lines)
    _print(clean(text.removesuffix("\n")), to_stderr=False, needs_reader=needs_reader)


def print_output(text: str, *, needs_reader: bool = False) -> None:
    """Print the output of a task to stdout; on a terminal in its own colors, and JSON as tables.

    :param needs_reader: as of :func:`print_result`.
    """
    text, width = text.removesuffix("\n"), table_width()
    if width is None:
        text = clean(text)
    else:
        text = remove_escapes(format_json(text, width) or text, KEEP_COLORS)
    _print(text, to_stderr=False, needs_reader=needs_reader)


def print_document(document: Mapping[str, Any], optional: Collection[str] = ()) -> None:
    """Print a result as JSON, with the members that the user has chosen.

    :param optional: members that the document may lack.
    """
    names = chosen_fields()
    selected = document if names is None else select_fields(document, names, optional)
    print_result(json.dumps(selected, indent=2))


def print_json_line(document: Any) -> None:
    """Print one of several results as a line of JSON; end the command if the pipe is closed."""
    print_result(json.dumps(document, separators=(",", ":")), needs_reader=True)


def print_progress(lines: str | Iterable[str]) -> None:
    """Print one or more lines for people to stderr."""
    for line in [lines] if isinstance(lines, str) else lines:
        _print(clean(line), to_stderr=True)


def print_error(message: str) -> None:
    print_progress(f"{click.style('Error:', fg='red')} {message}")


def print_warning(message: str) -> None:
    print_progress(f"{click.style('Warning:', fg='yellow')} {message}")


def _print(text: str, *, to_stderr: bool, needs_reader: bool = False) -> None:
    text = redact_progress_tokens(text)
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:  # it was closed when this process started
        return
    encoding = stream.encoding or "utf-8"
    try:
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=to_stderr)
    except OSError as error:
        # The exit code reports how the run ended, even if nobody reads the output.
        discard_output(stream)
        if needs_reader and isinstance(error, BrokenPipeError):
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        if not to_stderr and not isinstance(error, BrokenPipeError):
            print_warning(f"The result could not be written: {error.strerror}.")
            if context := click.get_current_context(silent=True):
                context.meta[IS_RESULT_LOST] = True


def discard_output(stream: TextIO | None = None) -> None:
    """Discard later writes, and the buffered text, which would fail when the process ends.

    :param stream: ``None``: stdout.
    """
    stream = sys.stdout if stream is None else stream
    with suppress(OSError):  # some streams are not files
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def table_width() -> int | None:
    """Return the width of the terminal; ``None`` if stdout is something else."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if is_terminal else None


@contextmanager
def quiet_loggers() -> Iterator[None]:
    """Keep warnings about the workspace from stderr, unless the app logs them.

    Python prints those for which there is no handler. An error of the command says the same.
    """
    loggers, handler = [*map(logging.getLogger, QUIET_LOGGERS)], logging.NullHandler()
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


@contextmanager
def report_retries() -> Iterator[None]:
    """Print why the first retried call to the workspace failed, to explain a long wait.

    The logger reports each retry at level INFO. If the app does not log this level, the level is
    lower during the block. A filter prints the first retry, and keeps all from the app's handlers.
    """
    logger = logging.getLogger(UPSTREAM_LOGGER)
    if logger.isEnabledFor(logging.INFO):
        yield
        return
    level, retry_filter = logger.level, _RetryFilter(logger.getEffectiveLevel())
    logger.addFilter(retry_filter)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeFilter(retry_filter)
        logger.setLevel(level)


class _RetryFilter(logging.Filter):
    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level
        self._has_printed = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < self._level and not self._has_printed:
            self._has_printed = True
            message = record.getMessage()
            print_progress(textwrap.shorten(message, MAX_RETRY_NOTICE_CHARACTERS, placeholder=" …"))
        return record.levelno >= self._level


def choose_fields(
    ctx: click.Context, _param: click.Parameter, names: list[str] | None
) -> list[str] | None:
    """Let the command print these members of its documents only. A callback of click."""
    if names is not None:
        ctx.meta[FIELDS] = names
    return names


def chosen_fields() -> list[str] | None:
    """Return the members that the user has chosen; ``None``: all."""
    context = click.get_current_context(silent=True)
    return context.meta.get(FIELDS) if context is not None else None


def select_fields(
    document: Mapping[str, Any], names: Collection[str], optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the named members of a document, or of each object of its only list.

    :param names: a name with dots is that of a member in a member.
    :param optional: members that a document may lack.
    :raises click.UsageError: there is no such member.
    """
    ((first, value), *others) = document.items()
    is_list = not others and isinstance(value, list)
    items = value if is_list else [document]
    known = {*optional, *(name for item in items for name in item)}
    for name in names:
        if items and name.partition(".")[0] not in known:
            raise click.UsageError(_describe_unknown(name, known, items[0]))
    selected = [{name: _find(item, name) for name in names} for item in items]
    return {first: selected} if is_list else selected[0]


def _describe_unknown(name: str, known: Collection[str], item: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(known))
    inner = [f"{outer}.{name}" for outer in item if _find(item, f"{outer}.{name}") is not None]
    suggestion = suggest(inner[0], inner) if inner else suggest(name, known)
    return f"There is no field {name!r}.{suggestion} The fields: {names}."


def _find(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document
