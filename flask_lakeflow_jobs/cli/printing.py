"""Results go to stdout, everything else to stderr; no text is too strange to be printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
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
