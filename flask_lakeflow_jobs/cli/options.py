"""Arguments and options that commands share, and how their values are parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import click
from marshmallow import fields

from ..errors import InvalidRequest
from ..runs.ids import parse_run_id
from ..runs.params import accepted_fields
from ..runs.run_now_fields import LIST_NAMES, PIPELINE_LISTS, RUN_NOW_FIELDS
from ..text import parse_json
from .completion import complete_key, complete_tasks, complete_words
from .handles import get_state
from .printing import choose_fields, chosen_fields

if TYPE_CHECKING:
    from ..config.jobs import Job

    Command = TypeVar("Command", bound=Callable[..., Any])


SECONDS_PER_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float:
    """Parse a duration such as ``90``, ``90s``, ``10m`` or ``1.5h`` to seconds.

    :raises click.BadParameter: it is not a duration, or not above zero.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text, re.ASCII)
    seconds = float(match[1]) * SECONDS_PER_UNIT[match[2]] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise click.BadParameter(f"{text!r} is not a duration. Use 90 (seconds), 10m or 1h.")
    return seconds


def parse_param(text: str) -> tuple[str, str]:
    """Parse ``name=value``; the value may be empty or contain ``=``.

    :raises click.BadParameter: the name or ``=`` is missing.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} must be name=value.")
    return name, value


def parse_names(text: str) -> list[str]:
    """Parse keys of tasks, or names of members, that are separated by commas.

    :raises click.BadParameter: one is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise click.BadParameter(f"{text!r} must be names separated by commas.")
    return names


def parse_idempotency_key(text: str) -> str:
    """Refuse an empty key: an unset variable of the shell would join unrelated runs.

    :raises click.BadParameter: it is empty.
    """
    if not text.strip():
        raise click.BadParameter("The key is empty.")
    return text


def parse_run_option(text: str) -> int:
    """Parse the id of a run.

    :raises click.UsageError: it is not an id.
    """
    try:
        return parse_run_id(text)
    except InvalidRequest as error:
        raise click.UsageError(error.detail) from None


def read_json_object(
    _ctx: click.Context, _param: click.Parameter, file: IO[bytes] | None
) -> dict[str, Any] | None:
    """Read a JSON object from a file, as a callback of click.

    :raises click.BadParameter: the file has other content.
    """
    if file is None:
        return None
    try:
        document = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file.name!r} is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise click.BadParameter(f'{file.name!r} must contain a JSON object: {{"name": "value"}}.')
    return document


def refuse_words(ctx: click.Context, _param: click.Parameter, words: tuple[str, ...]) -> None:
    """Refuse words beside the job's key, as a callback of click: parameters are options.

    :raises click.UsageError: there are words, or the key is a parameter.
    """
    key = ctx.params.get("key") or ""
    if "=" in key:
        words = (key, *words)
    if words:
        raise click.UsageError(f"Unexpected {words[0]!r}. Set a parameter with -p NAME=VALUE.")


def merge_params(
    job: Job, from_file: dict[str, Any] | None, options: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Merge the parameters of a file and of ``-p`` options, which take precedence.

    A repeated name makes a list. A single value does too, if the job's parameter is a list.
    """
    texts: dict[str, list[str]] = {}
    for name, text in options:
        texts.setdefault(name, []).append(text)
    from_options: dict[str, Any] = {
        name: values if len(values) > 1 or takes_list(job, name) else values[0]
        for name, values in texts.items()
    }
    return {**(from_file or {}), **from_options}


def takes_list(job: Job, name: str) -> bool:
    if (field := _field_of(job, name)) is not None:
        return isinstance(field, fields.List | fields.Tuple)
    if job.task_type is None:
        return RUN_NOW_FIELDS.get(name) is list
    return job.task_type in LIST_NAMES or (job.task_type == "pipeline" and name in PIPELINE_LISTS)


def takes_object(job: Job, name: str) -> bool:
    """Return whether a parameter of a job is an object, which ``-p`` cannot express."""
    if job.schema is None and job.task_type is None:
        return RUN_NOW_FIELDS.get(name) is dict
    return isinstance(_field_of(job, name), fields.Mapping | fields.Nested)


def _field_of(job: Job, name: str) -> fields.Field[Any] | None:
    return accepted_fields(job.schema).get(name) if job.schema is not None else None


task_option = click.option(
    "--task",
    "tasks",
    metavar="TASK",
    multiple=True,
    shell_complete=complete_tasks,
    help="Print the output of this task only. Repeatable.",
)

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    default=20,
    show_default=True,
    help="Maximum number of rows.",
)

fields_option = click.option(
    "--fields",
    type=parse_names,
    metavar="NAMES",
    expose_value=False,
    callback=choose_fields,
    help="Print JSON with these members only, separated by commas.",
)

key_argument = click.argument("key", required=False, shell_complete=complete_key)

no_words_argument = click.argument(
    "words", metavar="", nargs=-1, expose_value=False, callback=refuse_words
)


def run_argument(command: Command) -> Command:
    """Add the arguments ``[KEY] RUN``; the command gets ``key``, or ``None``, and ``run_id``."""

    @_words_argument("[KEY] RUN")
    @wraps(command)
    def with_run(*args: Any, words: tuple[str, ...], **kwargs: Any) -> Any:
        if len(words) > 2:
            raise click.UsageError(f"Expected a job key and a run id, not {' '.join(words)!r}.")
        *key, run = words
        return command(
            *args, key=key[0] if key else None, run_id=_parse_run(run, is_alone=not key), **kwargs
        )

    return cast("Command", with_run)


def pair_argument(command: Command) -> Command:
    """Add the arguments ``[KEY] RUN RUN``; the command gets ``key`` and ``run_ids``."""

    @_words_argument("[KEY] RUN RUN")
    @wraps(command)
    def with_pair(*args: Any, words: tuple[str, ...], **kwargs: Any) -> Any:
        if not 2 <= len(words) <= 3:
            raise click.UsageError(
                f"Expected a job key and the ids of two runs, not {' '.join(words)!r}."
            )
        *key, first, second = words
        run_ids = (_parse_run(first, is_alone=not key), _parse_run(second, is_alone=False))
        if run_ids[0] == run_ids[1]:
            raise click.UsageError("These are the same run. Name two different ones.")
        return command(*args, key=key[0] if key else None, run_ids=run_ids, **kwargs)

    return cast("Command", with_pair)


def _words_argument(metavar: str) -> Callable[[Command], Command]:
    return click.argument(
        "words", metavar=metavar, nargs=-1, required=True, shell_complete=complete_words
    )


def _parse_run(text: str, *, is_alone: bool) -> int:
    if is_alone and text in get_state().settings.jobs:
        raise click.UsageError(f"Which run of {text}? List them with: flask jobs runs {text}")
    return parse_run_option(text)


def _with_formats(*formats: str, help: str) -> Callable[[Command], Command]:  # noqa: A002
    """Add ``--output`` and its alias ``--json``; the command gets ``as_json``.

    With the format ``wide`` among them, it also gets ``is_wide``.
    """

    def add(command: Command) -> Command:
        @click.option(
            "-o",
            "--output",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            help=help,
        )
        @click.option("--json", "json_alias", is_flag=True, help="Same as --output json.")
        @wraps(command)
        def with_output(*args: Any, output: str, json_alias: bool, **kwargs: Any) -> Any:
            if "wide" in formats:
                kwargs["is_wide"] = output == "wide"
            as_json = json_alias or output == "json" or chosen_fields() is not None
            return command(*args, as_json=as_json, **kwargs)

        return cast("Command", with_output)

    return add


output_option = _with_formats("text", "json", help="Print text, or JSON as in the HTTP API.")


def document_option(command: Command) -> Command:
    """Add ``--output``, and ``--fields`` for a part of the JSON."""
    return fields_option(output_option(command))


def table_option(command: Command) -> Command:
    """Add the options of :func:`document_option`, with the further format ``wide``."""
    help_ = "Print a table, one with all columns, or JSON as in the HTTP API."
    return fields_option(_with_formats("text", "wide", "json", help=help_)(command))
