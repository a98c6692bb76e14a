"""Progress tokens: a run's proof that it may report its own progress. Pure.

A trigger passes a token to the run as a parameter. The token is signed, names the job, and expires.
Which run it belongs to follows from the run itself: its parameters contain the token. So the token
needs no storage, and stays valid through retries, repairs and restarts of the app.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from hmac import compare_digest
from typing import Any, NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from ..errors import InvalidParameters
from ..text import PROGRESS_TOKEN_PREFIX, PROGRESS_TOKENS
from .run_now_fields import NAMED_FIELDS

#: Separates these tokens from everything else that the app's key signs.
SALT = "flask-lakeflow-jobs.progress-token"

#: Longer than a run takes: serverless runs end after seven days.
TOKEN_SECONDS = 8 * 24 * 3600

#: Fields of run-now whose names a job need not know beforehand, or declares itself.
TOKEN_FIELDS = ("job_parameters", "notebook_params", "python_named_params", "sql_params")


def create_token(keys: Sequence[str | bytes], job_id: int, now: float) -> str:
    """Create the token for a new run of a job.

    :param keys: the app's keys, the current one last.
    :param now: seconds since the epoch.
    """
    values = [job_id, int(now) + TOKEN_SECONDS, secrets.token_urlsafe(16)]
    return PROGRESS_TOKEN_PREFIX + str(_serializer(keys).dumps(values))


def is_token_valid(keys: Sequence[str | bytes], token: str, job_id: int, now: float) -> bool:
    """Return whether the app has signed a token for a run of this job, and it has not expired."""
    if not PROGRESS_TOKENS.fullmatch(token):  # a decoder takes characters of other alphabets
        return False
    try:
        values = _serializer(keys).loads(token.removeprefix(PROGRESS_TOKEN_PREFIX))
    except BadData:
        return False
    match values:
        case [int(signed_job_id), int(expires_at), str()]:
            return signed_job_id == job_id and now < expires_at
    return False


def _serializer(keys: Sequence[str | bytes]) -> URLSafeSerializer:
    return URLSafeSerializer(
        [key.encode() if isinstance(key, str) else key for key in keys],
        salt=SALT,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def find_token_field(task_type: str | None, fields: Mapping[str, Any]) -> str | None:
    """Return the field of run-now that can carry a token.

    :param fields: the fields that carry the run's parameters.
    :return: ``None`` if the job's parameters have no names.
    """
    if "job_parameters" in fields or (task_type is None and not fields):
        return "job_parameters"
    candidates = fields if task_type is None else [NAMED_FIELDS.get(task_type)]
    return next((name for name in TOKEN_FIELDS if name in candidates), None)


def add_token(fields: Mapping[str, Any], field: str, parameter: str, token: str) -> dict[str, Any]:
    return {**fields, field: {**fields.get(field, {}), parameter: token}}


def refuse_parameter(fields: Mapping[str, Any], parameter: str | None) -> None:
    """Refuse parameters in which the caller has set the one for the token.

    :param parameter: ``None``: the app passes no tokens.
    :raises InvalidParameters: the caller has set it.
    """
    if any(parameter in fields.get(name, ()) for name in TOKEN_FIELDS):
        message = "The app sets this parameter to the run's progress token."
        raise InvalidParameters.by_name({str(parameter): message})


def hash_progress_token(token: str) -> str:
    """Return a name for a token that does not reveal it."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_token_hashes(run: Mapping[str, Any], parameter: str) -> list[str]:
    """Return the hashes of the tokens in a run's parameters.

    :param run: the document of the Jobs API.
    """
    return [
        hash_progress_token(value)
        for value in _values_of(run, parameter)
        if isinstance(value, str) and value.startswith(PROGRESS_TOKEN_PREFIX)
    ]


def _values_of(run: Mapping[str, Any], parameter: str) -> Iterator[Any]:
    for each in run.get("job_parameters") or ():
        if isinstance(each, dict) and each.get("name") == parameter:
            yield each.get("value")
    overriding = run.get("overriding_parameters") or {}
    for field in TOKEN_FIELDS:
        yield (overriding.get(field) or {}).get(parameter)


def contains_hash(hashes: Sequence[str], token: str) -> bool:
    expected = hash_progress_token(token)
    return any(compare_digest(each, expected) for each in hashes)


class RunFacts(NamedTuple):
    """The facts about a run that stay the same while it is active.

    :param tokens: the hashes of the progress tokens in its parameters.
    """

    tokens: Sequence[str]
    tasks: Collection[str]

    @classmethod
    def of(cls, run: Mapping[str, Any], parameter: str | None) -> RunFacts:
        """Return the facts about a run.

        :param run: the document of the Jobs API.
        :param parameter: the one for the token; ``None``: the app passes no tokens.
        """
        tokens = [] if parameter is None else find_token_hashes(run, parameter)
        return cls(tokens, {str(task.get("task_key")) for task in run.get("tasks") or ()})
