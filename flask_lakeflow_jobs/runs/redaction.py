"""Redaction: documents of runs without the values of secrets. Pure.

It removes parameters with names like passwords, and not what a job prints, except progress tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from ..text import PROGRESS_TOKEN_PREFIX, PROGRESS_TOKENS
from .outcome import life_cycle_of, outcome_of

if TYPE_CHECKING:
    from marshmallow import Schema

K = TypeVar("K")

REDACTED = "***"

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
    if schema is None:
        return {}
    return {
        field.data_key or name: bool(field.metadata["secret"])
        for name, field in schema.load_fields.items()
        if "secret" in field.metadata
    }


def redact(document: Mapping[str, Any], overrides: SecretOverrides) -> dict[str, Any]:
    """Return a copy of a run, or of an output, without the values of secrets.

    :param document: a document of the Jobs API.
    :param overrides: what the job's schema declares. Names decide about all other fields.
    """
    # A job parameter has a member for its name.
    parameter = document.get("name")
    hidden = isinstance(parameter, str) and _is_secret(parameter, overrides)
    return {
        name: REDACTED
        if hidden and value and name in ("value", "default")
        else _redact_member(name, value, overrides)
        for name, value in document.items()
    }


def _redact_member(name: str, value: Any, overrides: SecretOverrides) -> Any:
    if isinstance(value, dict):
        return redact(value, overrides)
    if isinstance(value, list):
        return _redact_list(value, overrides)
    if not value or not isinstance(value, str):
        return value
    return REDACTED if _is_secret(name, overrides) else redact_progress_tokens(value)


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
            follows_secret = value.startswith("-") and _is_secret(value, overrides)
    return result


def redact_text(text: str, overrides: SecretOverrides) -> str:
    """Redact ``name=value`` and ``--name value`` of secrets in an argument or a line of text."""
    text = redact_progress_tokens(text)

    def replace(match: re.Match[str]) -> str:
        name, separator, value = (part for part in match.groups() if part is not None)
        return f"{name}{separator}{REDACTED if _is_secret(name, overrides) else value}"

    assignment = _ASSIGNMENT.fullmatch(text)
    if assignment and _is_secret(assignment["name"], overrides):
        return replace(assignment)
    return _OPTION.sub(replace, text)


def _is_secret(name: str, overrides: SecretOverrides) -> bool:
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
