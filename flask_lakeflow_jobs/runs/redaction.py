"""Values that nobody should read over a shoulder: those of parameters with names like passwords.

Pure. It hides what a run shows, and not what a job prints.
"""
# MERGED """What is shown of runs as JSON: as the Jobs API spells it, without secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .outcome import life_cycle_of, outcome_of

if TYPE_CHECKING:
    from marshmallow import Schema

REDACTED = "***"

#: What the name of a secret has at its end, or before one of its later words, in lower case.
ENDINGS = (
    *("password", "passwd", "passphrase", "passcode", "pwd"),
    *("secret", "secrets", "token", "tokens", "credential", "credentials", "creds"),
    *("apikey", "accesskey", "accountkey", "privatekey", "signingkey", "encryptionkey"),
    *("authorization", "connectionstring"),
)

#: What a schema says of its fields: name → whether the value is a secret.
SecretOverrides = Mapping[str, bool]

NO_OVERRIDES: SecretOverrides = {}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

#: ``name=value`` as a whole argument, and options within a whole command.
_ASSIGNMENT = re.compile(r"(?P<name>-{0,2}[\w.-]+)(=)(.+)", re.DOTALL)

_OPTION = re.compile(
    r"((?<!\S)-{0,2}[\w.-]+)(=)(\"[^\"]*\"|'[^']*'|\S+)"
    r"|((?<!\S)-{1,2}[\w.-]+)(\s+)(\"[^\"]*\"|'[^']*'|[^\s-]\S*)"
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a name is that of a secret, in whatever style it is written.

    :param name: e.g. ``apiKey``, ``DB_PASSWORD``, ``--private-key``.
    """
    so_far = ""
    for word in _WORD.findall(name):
        so_far += word.lower()
        if so_far.endswith(ENDINGS):
            return True
    return False


def secret_overrides(schema: Schema | None) -> SecretOverrides:
    """What a job's schema says itself, by ``metadata={"secret": True}``, or ``False``.

    :param schema: the job's, if it has one.
    """
    if schema is None:
        return NO_OVERRIDES
    return {
        field.data_key or name: bool(field.metadata["secret"])
        for name, field in schema.load_fields.items()
        if "secret" in field.metadata
    }


def redact(document: dict[str, Any], said: SecretOverrides = NO_OVERRIDES) -> dict[str, Any]:
    """A run, or the output of one, without the values of secrets.

    :param document: as the Jobs API spells it; it stays as it is.
    :param said: what the job's schema says of its fields; of others the name decides.
    """
    return {name: _masked_member(name, value, said) for name, value in document.items()}


def _masked_member(name: str, value: Any, said: SecretOverrides) -> Any:
    if isinstance(value, dict):
        if _is_named_value(value):
            return _masked_pair(value, said)
        return redact(value, said)
    if isinstance(value, list):
        return _masked_list(value, said)
    return REDACTED if value and isinstance(value, str) and _is_secret(name, said) else value


def _masked_list(values: list[Any], said: SecretOverrides) -> list[Any]:
    result = []
    follows_secret = False
    for value in values:
        if not isinstance(value, str):
            result.append(_masked_member("", value, said))
            follows_secret = False
        elif follows_secret and not value.startswith("-"):
            result.append(REDACTED)
            follows_secret = False
        else:
            result.append(_masked_argument(value, said))
            follows_secret = value.startswith("-") and _is_secret(value, said)
    return result


def _masked_argument(text: str, said: SecretOverrides) -> str:
    """One argument of a script, or a whole command."""

    def hide(match: re.Match[str]) -> str:
        name, between, value = (part for part in match.groups() if part is not None)
        return f"{name}{between}{REDACTED if _is_secret(name, said) else value}"

    whole = _ASSIGNMENT.fullmatch(text)
    if whole and _is_secret(whole["name"], said):
        return hide(whole)
    return _OPTION.sub(hide, text)


def _is_named_value(value: dict[str, Any]) -> bool:
    """Whether it is a job parameter as a run has it: a name beside a value, a default, or both."""
    return isinstance(value.get("name"), str) and not value.keys().isdisjoint({"value", "default"})


def _masked_pair(pair: dict[str, Any], said: SecretOverrides) -> dict[str, Any]:
    if not _is_secret(pair["name"], said):
        return pair
    return {
        name: REDACTED if value and name in ("value", "default") else value
        for name, value in pair.items()
    }


def _is_secret(name: str, said: SecretOverrides) -> bool:
    answer = said.get(name.lstrip("-"))
    return is_secret_name(name) if answer is None else answer


def summarize_newest_run(
    runs: Sequence[dict[str, Any]], secrets: SecretOverrides
) -> dict[str, Any]:
    """The newest run of a job, and how it is doing; of a job without runs, all is ``None``.

    :param runs: newest first.
    :param secrets: what the job's schema says of its parameters.
    """
    if not runs:
        return {"status": None, "outcome": None, "run": None}
    return {
        "status": life_cycle_of(runs[0]),
        "outcome": outcome_of(runs[0]).value,
        "run": redact(runs[0], secrets),
    }


def redact_outputs(
    outputs: Mapping[str, dict[str, Any]], secrets: SecretOverrides
) -> dict[str, Any]:
    """What the tasks of a run left.

    :param outputs: by task key.
    :param secrets: what the job's schema says of its parameters.
    """
    return {task: redact(remove_dbt_headers(output), secrets) for task, output in outputs.items()}


def remove_dbt_headers(output: dict[str, Any]) -> dict[str, Any]:
    """An output without the headers of a dbt task, which carry credentials.

    :param output: of one task.
    """
    if "dbt_output" not in output:
        return output
    dbt = {
        name: value for name, value in output["dbt_output"].items() if name != "artifacts_headers"
    }
    return {**output, "dbt_output": dbt}
