"""What is typed: read strictly, refused with a sentence."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click
from marshmallow import fields

from ..errors import InvalidRequest
from ..runs import ids
from ..runs.params import LIST_NAMES, PIPELINE_LISTS, RUN_NOW_FIELDS
from .app import app_state
from .completion import complete_key

if TYPE_CHECKING:
    from ..config.jobs import Job

    Command = TypeVar("Command", bound=Callable[..., Any])


SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Seconds, typed as ``90``, ``90s``, ``10m`` or ``1.5h``.

    :param text: it.
    :raises click.BadParameter: it is no length of time.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text, re.ASCII)
    seconds = float(match[1]) * SECONDS[match[2]] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise click.BadParameter(f"{text!r} is no length of time: say 90 (seconds), 10m or 1h.")
    return seconds


def named_value(text: str) -> tuple[str, str]:
    """A name and a value, typed as ``name=value``; the value may be empty, or hold more of ``=``.

    :param text: it.
    :raises click.BadParameter: it is neither.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} must be name=value.")
    return name, value


def task_keys(text: str) -> list[str]:
    """Task keys, typed with commas between them.

    :param text: it.
    :raises click.BadParameter: one is empty.
    """
    keys = [key.strip() for key in text.split(",")]
    if not all(keys):
        raise click.BadParameter(f"{text!r} must be task keys with commas between them.")
    return keys


def words(text: str) -> list[str]:
    """A command line, as a shell reads it.

    :param text: it.
    :raises click.BadParameter: a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no command line: {error}.") from None


def filled_key(text: str) -> str:
    """A key that is not empty: an unset variable of the shell would make one run of them all.

    :param text: it.
    :raises click.BadParameter: it is empty.
    """
    if not text.strip():
        raise click.BadParameter("The key is empty.")
    return text


def json_object(
    _ctx: click.Context, _param: click.Parameter, file: IO[bytes] | None
) -> dict[str, Any] | None:
    """The JSON object in a file: a callback of click's.

    :param file: it, if one was named.
    :raises click.BadParameter: it holds something else.
    """
    if file is None:
        return None
    try:
        document = json.loads(
            file.read(), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except (OSError, ValueError, RecursionError) as error:
        raise click.BadParameter(f"{file.name!r} does not hold valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise click.BadParameter(f'{file.name!r} must hold a JSON object: {{"name": "value"}}.')
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands there twice")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def given_params(
    job: Job, from_file: dict[str, Any] | None, named: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The parameters of a run, as typed: those named one by one win over those of the file.

    A name that is given several times makes a list, and so does one given once where the job takes
    a list.

    :param job: the job.
    :param from_file: a JSON object, if there is a file.
    :param named: names and texts, in the order in which they were given.
    """
    texts: dict[str, list[str]] = {}
    for name, text in named:
        texts.setdefault(name, []).append(text)
    typed: dict[str, Any] = {
        name: values if len(values) > 1 or takes_list(job, name) else values[0]
        for name, values in texts.items()
    }
    return {**(from_file or {}), **typed}


def takes_list(job: Job, name: str) -> bool:
    """Whether a parameter of a job is a list.

    :param job: the job.
    :param name: the parameter's, as the caller knows it.
    """
    if job.schema is not None:
        for attribute, field in job.schema.load_fields.items():
            if name == (field.data_key or attribute):
                return isinstance(field, fields.List | fields.Tuple)
    if job.task_type is None:
        return RUN_NOW_FIELDS.get(name) is list
    return job.task_type in LIST_NAMES or (job.task_type == "pipeline" and name in PIPELINE_LISTS)


def takes_object(job: Job, name: str) -> bool:
    """Whether a parameter of a job is an object, which no text can give.

    :param job: the job.
    :param name: the parameter's, as the caller knows it.
    """
    if job.schema is None and job.task_type is None:
        return RUN_NOW_FIELDS.get(name) is dict
    declared = job.schema.load_fields if job.schema is not None else {}
    return any(
        name == (field.data_key or attribute) and isinstance(field, fields.Mapping | fields.Nested)
        for attribute, field in declared.items()
    )


def parse_run_id(text: str) -> int:
    """A run id that was typed.

    :param text: it.
    :raises click.UsageError: it is none.
    """
    try:
        return ids.parse_run_id(text)
    except InvalidRequest as error:
        raise click.UsageError(error.detail) from None


# ── parameters that commands share ────────────────────────────────────────────────────────────────


key_argument = click.argument("key", required=False, shell_complete=complete_key)


def run_argument(command: Command) -> Command:
    """Take ``[KEY] RUN``, and hand the command ``key`` (or ``None``) and ``run_id``."""

    @click.argument(
        "words", metavar="[KEY] RUN", nargs=-1, required=True, shell_complete=complete_key
    )
    @wraps(command)
    def with_run(*args: Any, words: tuple[str, ...], **kwargs: Any) -> Any:
        if len(words) > 2:
            raise click.UsageError(f"Got more than a job's key and a run id: {' '.join(words)}.")
        *key, run = words
        if not key and run in app_state().settings.jobs:
            raise click.UsageError(f"Which run of {run}? They are listed by: flask jobs runs {run}")
        return command(*args, key=key[0] if key else None, run_id=parse_run_id(run), **kwargs)

    return cast("Command", with_run)


def output_option(command: Command) -> Command:
    """Take ``--output`` and its alias ``--json``, and hand the command ``as_json``."""

    @click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people, or JSON as over HTTP.",
    )
    @click.option("--json", "json_alias", is_flag=True, help="The same as --output json.")
    @wraps(command)
    def with_output(*args: Any, output: str, json_alias: bool, **kwargs: Any) -> Any:
        return command(*args, as_json=json_alias or output == "json", **kwargs)

    return cast("Command", with_output)
