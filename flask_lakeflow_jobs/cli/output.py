"""Results go to stdout, everything else to stderr; no text is too strange to be printed."""
# MERGED """Telling people that a call is tried again, so that a long wait has a reason."""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click


def print_result(text: str) -> None:
    """Print what was asked for; whoever reads a pipe gets this and nothing else.

    :param text: ends with one newline, given or not.
    """
    _echo(text.removesuffix("\n"), to_stderr=False)


def print_document(document: Any) -> None:
    """Print a result as JSON.

    :param document: anything that JSON can hold.
    """
    print_result(json.dumps(document, indent=2))


def print_json_line(document: Any) -> None:
    """Print one of many results as JSON, on a line of its own.

    :param document: anything that JSON can hold.
    """
    print_result(json.dumps(document, separators=(",", ":")))


def print_progress(lines: str | Iterable[str]) -> None:
    """Print what goes on, for people.

    :param lines: one or more.
    """
    for line in [lines] if isinstance(lines, str) else lines:
        _echo(line, to_stderr=True)


def print_error(sentence: str) -> None:
    """Print what went wrong.

    :param sentence: says what happened and what to do.
    """
    print_progress(f"{click.style('Error:', fg='red')} {sentence}")


def print_warning(sentence: str) -> None:
    """Print what is not as it should be.

    :param sentence: says what.
    """
    print_progress(f"{click.style('Warning:', fg='yellow')} {sentence}")


def _echo(text: str, *, to_stderr: bool) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:  # it was closed when this process started
        return
    encoding = stream.encoding or "utf-8"
    try:
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=to_stderr)
    except OSError as error:
        # How the run ended is what the exit code tells, whether anybody reads along or not.
        _discard(stream)
        if not to_stderr and not isinstance(error, BrokenPipeError):
            print_warning(f"The result could not be written: {error.strerror}.")


def _discard(stream: TextIO) -> None:
    """Let all that is written to a stream go nowhere: also what it holds back, and would fail over
    at the end of the process.
    """
    with suppress(OSError):  # some streams are no files
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


_CALLS = "flask_lakeflow_jobs.upstream"
_LONGEST = 300  # characters: an answer that is a page is quoted as a whole


@contextmanager
def telling_of_retries() -> Iterator[None]:
    """Print the first line that the log gets about a call that is tried again.

    An app that shows these lines itself is left to do so.
    """
    log = logging.getLogger(_CALLS)
    if log.isEnabledFor(logging.INFO):
        yield
        return
    level, propagates = log.level, log.propagate
    teller = _Teller()
    log.addHandler(teller)
    log.setLevel(logging.INFO)
    log.propagate = False  # the app did not ask for them
    try:
        yield
    finally:
        log.removeHandler(teller)
        log.setLevel(level)
        log.propagate = propagates


class _Teller(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._has_told:
            self._has_told = True
            print_progress(textwrap.shorten(record.getMessage(), _LONGEST, placeholder=" …"))
