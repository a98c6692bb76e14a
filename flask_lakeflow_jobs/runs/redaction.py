"""Redaction: documents of runs without the values of secrets. Pure.

It removes parameters with names like passwords, and not what a job prints, except progress tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from marshmallow import fields

from ..text import PROGRESS_TOKEN_PREFIX, PROGRESS_TOKENS
from .outcome import life_cycle_of, outcome_of
from .params import accepted_fields
from .run_now_fields import NAMED_FIELDS

if TYPE_CHECKING:
    from marshmallow import Schema

K = TypeVar("K")

REDACTED = "***"

#: Members of documents that have parameters by name. Lists and objects in them are JSON.
PARAMETER_FIELDS = frozenset(
    {*NAMED_FIELDS.values(), "base_parameters", "named_parameters", "parameters"}
)

#: The answers for longer names are not kept.
MAX_KEPT_CHARS = 256

#: A name is secret if it ends with one of these at the end of any of its words, in lower case.
SECRET_ENDINGS = (
    *("password", "passwd", "passphrase", "passcode", "pwd"),
    *("secret", "secrets", "token", "tokens", "credential", "credentials", "creds"),
    *("apikey", "accesskey", "accountkey", "privatekey", "signingkey", "encryptionkey"),
    *("authorization", "connectionstring"),
)

#: Fields of a schema whose secrecy it declares: name → whether the value is a secret.
SecretOverrides = Mapping[str, bool]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: ``name=value`` as a whole argument.
_ASSIGNMENT = re.compile(r"(?P<name>-{0,2}[\w.-]+)(=)(.+)", re.DOTALL)

#: ``name=value`` or ``--name value`` within a whole command.
_OPTION = re.compile(
    r"((?<!\S)-{0,2}[\w.-]+)(=)(\"[^\"]*\"|'[^']*'|\S+)"
    r"|((?<!\S)-{1,2}[\w.-]+)(\s+)(\"[^\"]*\"|'[^']*'|[^\s-]\S*)"
)

#: ``"name": "value"`` in JSON, or as Python writes it, up to the end of the value.
_MEMBER = re.compile(
    r"((?P<quote>[\"'])(?P<name>[\w .-]{1,256})(?P=quote)\s*:\s*(?P<end>[\"']))"
    r"(?:(?!(?P=end))[^\\]|\\.)+(?=(?P=end))",
    re.DOTALL,
)


def is_secret_name(name: str) -> bool:
    """Return whether a name is that of a secret, in any style.

    :param name: e.g. ``apiKey``, ``DB_PASSWORD``, ``--private-key``.
    """
    # Clients can send names of a megabyte, which are not to stay in memory.
    return _has_secret_ending(name) if len(name) > MAX_KEPT_CHARS else _recall(name)


def _has_secret_ending(name: str) -> bool:
    so_far = ""
    for word in _WORD.findall(name):
        so_far += word.lower()
        if so_far.endswith(SECRET_ENDINGS):
            return True
    return False


_recall = lru_cache(maxsize=4096)(_has_secret_ending)


def secret_overrides(schema: Schema | None) -> SecretOverrides:
    """Return the fields that a schema declares with ``metadata={"secret": True}`` or ``False``."""
    return {} if schema is None else _find_overrides(schema, parents=())


def _find_overrides(schema: Schema, parents: tuple[type[Schema], ...]) -> dict[str, bool]:
    """Return what a schema declares and, for other names, what the schemas in its fields do."""
    own: dict[str, bool] = {}
    others: dict[str, bool] = {}
    for name, field in accepted_fields(schema).items():
        within: dict[str, bool] = {}
        for each in _schemas_within(field):
            if type(each) not in parents:
                within |= _find_overrides(each, (*parents, type(each)))
        others |= within
        # A list or an object is one parameter, which a secret in it makes secret.
        if "secret" in field.metadata or any(within.values()):
            own[name] = bool(field.metadata.get("secret", True))
    return others | own


def _schemas_within(field: fields.Field[Any] | None) -> Iterator[Schema]:
    if isinstance(field, fields.Nested):
        try:
            yield field.schema
        except Exception:  # its name is not that of a schema
            return
    elif isinstance(field, fields.List):
        yield from _schemas_within(field.inner)
    elif isinstance(field, fields.Mapping):
        yield from _schemas_within(field.value_field)
    elif isinstance(field, fields.Tuple):
        for each in field.tuple_fields:
            yield from _schemas_within(each)


def redact(document: Mapping[str, Any], overrides: SecretOverrides) -> dict[str, Any]:
    """Return a copy of a run, or of an output, without the values of secrets.

    :param document: a document of the Jobs API.
    :param overrides: what the job's schema declares. Names decide about all other fields.
    """
    # A job parameter has a member for its name.
    parameter = document.get("name")
    given = ("value", "default") if isinstance(parameter, str) else ()
    return {
        name: REDACTED
        if value and name in given and has_secret(str(parameter), value, overrides)
        else _redact_member(name, value, overrides)
        for name, value in document.items()
    }


def _redact_member(name: str, value: Any, overrides: SecretOverrides) -> Any:
    if isinstance(value, dict):
        redacted = redact(value, overrides)
        if name in PARAMETER_FIELDS:
            for key, each in value.items():
                # A number is only a secret if that is declared: max_tokens is none.
                may_be_secret = isinstance(each, str) or overrides.get(key)
                if each and may_be_secret and has_secret(key, each, overrides):
                    redacted[key] = REDACTED
        return redacted
    if isinstance(value, list):
        return _redact_list(value, overrides)
    if not value or not isinstance(value, str):
        return value
    if is_secret(name, overrides) or (name == "inputs" and has_secret(name, value, overrides)):
        return REDACTED
    return redact_progress_tokens(value)


def has_secret(name: str, value: Any, overrides: SecretOverrides) -> bool:
    """Return whether a parameter is a secret or, unless the schema denies that, has one in JSON.

    It is hidden as a whole, so that no form sends ``***`` within it.
    """
    if name in overrides or is_secret_name(name) or not isinstance(value, str):
        return is_secret(name, overrides)
    declared = (f'"{each}":' for each, is_declared in overrides.items() if is_declared)
    return any(each in value for each in declared) or any(
        is_secret(match["name"], overrides) for match in _MEMBER.finditer(value)
    )


def redact_progress_tokens(text: str) -> str:
    """Replace progress tokens, wherever they are: a task may print its parameters."""
    return PROGRESS_TOKENS.sub(REDACTED, text) if PROGRESS_TOKEN_PREFIX in text else text


def _redact_list(values: list[Any], overrides: SecretOverrides) -> list[Any]:
    result = []
    follows_secret = False
    for value in values:
        if not isinstance(value, str):
            result.append(_redact_member("", value, overrides))
        elif follows_secret and not value.startswith("-"):
            result.append(REDACTED)
            follows_secret = False
        else:
            result.append(redact_text(value, overrides))
            follows_secret = value.startswith("-") and is_secret(value, overrides)
    return result


def redact_text(text: str, overrides: SecretOverrides) -> str:
    """Redact ``name=value``, ``--name value`` and members of JSON in an argument or a line."""
    text = redact_progress_tokens(text)

    def replace(match: re.Match[str]) -> str:
        name, separator, value = (part for part in match.groups() if part is not None)
        return f"{name}{separator}{REDACTED if is_secret(name, overrides) else value}"

    def replace_member(match: re.Match[str]) -> str:
        return f"{match[1]}{REDACTED}" if is_secret(match["name"], overrides) else match[0]

    assignment = _ASSIGNMENT.fullmatch(text)
    if assignment and is_secret(assignment["name"], overrides):
        return replace(assignment)
    return _MEMBER.sub(replace_member, _OPTION.sub(replace, text))


def is_secret(name: str, overrides: SecretOverrides) -> bool:
    """Return whether a value is a secret: the schema decides, otherwise its name."""
    override = overrides.get(name.lstrip("-"))
    return is_secret_name(name) if override is None else override


def summarize_newest_run(
    runs: Sequence[dict[str, Any]], overrides: SecretOverrides
) -> dict[str, Any]:
    """Return the newest run and its state; all are ``None`` if there is no run.

    :param runs: newest first.
    """
    if not runs:
        return {"status": None, "outcome": None, "run": None}
    return {
        "status": life_cycle_of(runs[0]),
        "outcome": outcome_of(runs[0]).value,
        "run": redact(runs[0], overrides),
    }


def redact_outputs(
    outputs: Mapping[K, Mapping[str, Any]], overrides: SecretOverrides
) -> dict[K, dict[str, Any]]:
    """Redact outputs of tasks, by any key."""
    return {key: redact_output(output, overrides) for key, output in outputs.items()}


def redact_output(output: Mapping[str, Any], overrides: SecretOverrides) -> dict[str, Any]:
    """Redact the output of a task; that of a dbt task has headers with credentials."""
    redacted = redact(output, overrides)
    redacted.get("dbt_output", {}).pop("artifacts_headers", None)
    return redacted
