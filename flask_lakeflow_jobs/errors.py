"""Errors, each with an HTTP status and an exit code.

Every error is also the werkzeug exception of its status. An error raised in one of the host's own
views produces that status, or is handled by the error handler that the host registered for it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from werkzeug import exceptions
from werkzeug.datastructures import WWWAuthenticate

#: Maximum length of a value that a message repeats.
MAX_QUOTE_CHARS = 60

#: Part of the message of a 403 about a token, whose identity may have the permission.
MISSING_SCOPE = "required scopes"

_log = logging.getLogger("flask_lakeflow_jobs")


def quote(value: object) -> str:
    """Format a value for a message, cut if it is long, and without the login in a URL."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers with thousands of digits
        return "a number that long"
    start, end = text.find("://") + len("://"), text.rfind("@")
    if len("://") <= start < end:
        text = f"{text[:start]}***{text[end:]}"
    return text[:MAX_QUOTE_CHARS]


def suggest(name: str, options: Iterable[str]) -> str:
    """Return a question that suggests the option that is spelled most alike; empty without one."""
    close = get_close_matches(name, sorted(options), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


class LakeflowJobsError(exceptions.HTTPException):
    """Base class of all errors of this extension.

    Each error has ``code``, the HTTP status; ``exit_code``, the exit code of ``flask jobs``;
    ``detail``, the message; and ``retryable``, which is true if the same request may succeed later.

    :param detail: what happened and what to do, in one or two sentences.
    :param upstream_code: the ``error_code`` of the Databricks response that caused the error.
    :param retry_after: seconds after which the same request may succeed, if known.
    """

    code: int = 500
    exit_code = 1
    kind = "error"
    title = "Request failed"
    retryable = False
    #: What the app's responses say in place of the detail, if that is for operators only.
    public_detail: str | None = None
    #: Whether the workspace may have carried out the request nevertheless.
    is_ambiguous = False

    def __init__(
        self,
        detail: str,
        *,
        upstream_code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.args = (detail,)  # what task queues send with the name of the class
        self.detail = detail
        self.upstream_code = upstream_code
        self.retry_seconds = retry_after

    def __str__(self) -> str:
        return self.detail

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.detail!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the attributes except the response, without calling ``__init__``."""
        return _new, (type(self), self.detail), {**vars(self), "response": None}

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        headers = [
            (name, value)
            for name, value in super().get_headers(*args, **kwargs)
            if name != "Retry-After"
        ]
        if self.retry_seconds is not None:
            headers.append(("Retry-After", str(math.ceil(self.retry_seconds))))
        return headers

    def get_response(self, *args: Any, **kwargs: Any) -> Any:
        if self.code == 500:  # Flask does not log HTTP exceptions
            _log.error("%s", self, exc_info=self)
        return super().get_response(*args, **kwargs)


def _new(cls: type[LakeflowJobsError], detail: str) -> LakeflowJobsError:
    error = cls.__new__(cls)
    error.args = (detail,)  # that __new__ of TimeoutError leaves out
    return error


class ConfigurationError(LakeflowJobsError):
    """A setting is missing or invalid. The message names its key."""

    exit_code = 2
    kind = "configuration"
    title = "Invalid configuration"


class RecordOutdated(ConfigurationError):
    """The record's tables are of an older or newer version of this package.

    The message names the command to run. An app that runs uses those of a newer version until they
    refuse a statement.
    """

    kind = "record-outdated"
    title = "Record not ready"


class UnknownJob(LakeflowJobsError, exceptions.NotFound, KeyError):
    """This app has no job with that key.

    :param keys: the keys of the app's jobs.
    """

    code = 404
    exit_code = 2
    kind = "unknown-job"
    title = "Unknown job"

    def __init__(self, key: str, keys: Iterable[str]) -> None:
        known = sorted(keys)
        names = ", ".join(map(repr, known)) or "none"
        super().__init__(
            f"This app has no job {key!r}.{suggest(str(key), known)} Its jobs: {names}."
        )
        self.key = key


class JobNotFound(LakeflowJobsError, exceptions.NotFound):
    """The workspace has no job with the configured id, or hides it from the app."""

    code = 404
    exit_code = 2
    kind = "job-not-found"
    title = "Job not found in the workspace"


class RunNotFound(LakeflowJobsError, exceptions.NotFound):
    """The job has no such run. The run may belong to another job."""

    code = 404
    exit_code = 2
    kind = "run-not-found"
    title = "Run not found"

    def __init__(self, run_id: int, job: str, *, upstream_code: str | None = None) -> None:
        super().__init__(
            f"The job {job!r} has no run {run_id}. List its runs to find the right id.",
            upstream_code=upstream_code,
        )
        self.run_id = run_id


class InvalidRequest(LakeflowJobsError, exceptions.BadRequest):
    """The body, the query or the run id of the request is malformed."""

    code = 400
    exit_code = 2
    kind = "invalid-request"
    title = "Invalid request"


class InvalidParameters(LakeflowJobsError, exceptions.BadRequest):
    """The job does not accept the parameters.

    :param messages: marshmallow's messages by field.
    """

    code = 400
    exit_code = 2
    kind = "invalid-parameters"
    title = "Invalid parameters"

    def __init__(
        self,
        detail: str,
        messages: Mapping[str, Any] | None = None,
        *,
        upstream_code: str | None = None,
    ) -> None:
        super().__init__(detail, upstream_code=upstream_code)
        self.messages: dict[str, Any] = dict(messages or {})

    @classmethod
    def by_name(cls, messages: Mapping[str, str]) -> InvalidParameters:
        """Return an error that says what is wrong with each of some parameters."""
        detail = "; ".join(f"{name}: {message}" for name, message in messages.items())
        return cls(detail, {name: [message] for name, message in messages.items()})

    def with_others(self, other: InvalidParameters) -> InvalidParameters:
        """Return an error that also has the messages of another one."""
        detail = f"{self.detail} {other.detail}"
        return InvalidParameters(detail, {**self.messages, **other.messages})


class UnsupportedMediaType(LakeflowJobsError, exceptions.UnsupportedMediaType):
    """The body is not JSON."""

    code = 415
    exit_code = 2
    kind = "unsupported-media-type"
    title = "Unsupported media type"


class MissingUserToken(LakeflowJobsError, exceptions.Unauthorized):
    """The call needs a user's token, and the request has none."""

    code = 401
    exit_code = 6
    kind = "missing-user-token"
    title = "Missing user token"


class InvalidUserToken(LakeflowJobsError, exceptions.Unauthorized):
    """The workspace does not accept the user's token, for example because it has expired."""

    code = 401
    exit_code = 6
    kind = "invalid-user-token"
    title = "Invalid user token"


class InvalidWebhookCredentials(LakeflowJobsError, exceptions.Unauthorized):
    """The webhook notification lacks the configured user name and password, or token.

    :param schemes: the schemes of HTTP authentication that the app is configured for.
    """

    code = 401
    exit_code = 6
    kind = "webhook-login-refused"
    title = "Invalid webhook credentials"

    def __init__(self, detail: str, schemes: Iterable[str] = ("Basic",)) -> None:
        super().__init__(detail)
        self.schemes = tuple(schemes)

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        challenges = [
            WWWAuthenticate(scheme.lower(), {"realm": "lakeflow-jobs"}).to_header()
            for scheme in self.schemes
        ]
        login = ("WWW-Authenticate", ", ".join(challenges))
        return [*super().get_headers(*args, **kwargs), login]


class NotAllowed(LakeflowJobsError, exceptions.Forbidden):
    """The app's policy or the workspace does not allow this action."""

    code = 403
    exit_code = 6
    kind = "not-allowed"
    title = "Not allowed"


class Conflict(LakeflowJobsError, exceptions.Conflict):
    """The action is not possible in the current state of the run or job."""

    code = 409
    kind = "conflict"
    title = "Conflict"


class HandleClosed(LakeflowJobsError, RuntimeError):
    """A handle from ``as_user`` was used outside its block."""

    kind = "handle-closed"
    title = "Handle closed"


class UpstreamError(LakeflowJobsError, exceptions.BadGateway):
    """The workspace failed, or its response is not one of the Jobs API."""

    code = 502
    exit_code = 7
    kind = "upstream-failed"
    title = "Workspace error"
    retryable = True


class UpstreamUnauthenticated(UpstreamError):
    """The workspace does not accept the app's own credentials."""

    exit_code = 6
    kind = "upstream-unauthenticated"
    title = "Invalid app credentials"
    retryable = False


class UpstreamUnavailable(UpstreamError, exceptions.ServiceUnavailable):
    """The workspace cannot be reached or is temporarily unavailable."""

    code = 503
    kind = "upstream-unavailable"
    title = "Workspace unavailable"


class UpstreamThrottled(UpstreamError, exceptions.TooManyRequests):
    """The workspace's rate limit was reached."""

    code = 429
    kind = "upstream-throttled"
    title = "Workspace rate limit reached"


class UpstreamTimeout(UpstreamError, exceptions.GatewayTimeout):
    """The workspace did not respond in time."""

    code = 504
    kind = "upstream-timeout"
    title = "Workspace timeout"


class DatabaseUnavailable(LakeflowJobsError, exceptions.ServiceUnavailable):
    """The database of the record does not respond. Runs can be started and followed as before."""

    code = 503
    exit_code = 7
    kind = "database-unavailable"
    title = "Database unavailable"
    retryable = True
    public_detail = "The record of runs does not respond. The app's log says why."
    #: The database responds, and refuses this statement. Others may succeed.
    is_refusal = False


class RunTimeout(LakeflowJobsError, exceptions.GatewayTimeout, TimeoutError):
    """The run did not end within the timeout. It continues.

    :param last_error: why the state of the run is not known, as a sentence.
    """

    code = 504
    exit_code = 4
    kind = "run-timeout"
    title = "Run not finished in time"
    retryable = True

    def __init__(self, run_id: int, seconds: float, *, last_error: str | None = None) -> None:
        super().__init__(
            f"No end of run {run_id} was observed within {seconds:g} seconds. {last_error}"
            if last_error
            else f"Run {run_id} has not ended within {seconds:g} seconds. It continues."
        )
        self.run_id = run_id
        self.last_error = last_error
