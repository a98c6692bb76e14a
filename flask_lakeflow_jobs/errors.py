"""What can go wrong, each with its HTTP status and its exit code.

Every error is the werkzeug exception of its status as well, so that one raised in a view of the
host's own answers with that status, or by the handler that the host has for it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug import exceptions
from werkzeug.datastructures import WWWAuthenticate

#: Characters that a sentence repeats of what it was given.
MAX_QUOTE_CHARS = 60

_log = logging.getLogger("flask_lakeflow_jobs")


def quote(value: object) -> str:
    """How a sentence repeats what was given; cut where it is long.

    :param value: anything.
    """
    try:
        return f"{value!r:.{MAX_QUOTE_CHARS}}"
    except ValueError:  # Python writes no number of thousands of digits
        return "a number that long"


class LakeflowJobsError(exceptions.HTTPException):
    """The base of all errors of this extension.

    Each has ``code``, its HTTP status, ``exit_code``, what ``flask jobs`` ends with, ``detail``,
    its sentence, and ``retryable``, whether the same request may succeed later.

    :param detail: one sentence for the reader: what happened and what to do.
    :param upstream_code: the ``error_code`` of the Databricks answer behind it, if there is one.
    :param retry_after: seconds after which the same request may succeed, if that is known.
    """

    code = 500
    exit_code = 1
    kind = "error"
    title = "The request failed"
    retryable = False

    def __init__(
        self,
        detail: str,
        *,
        upstream_code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.upstream_code = upstream_code
        self.retry_seconds = retry_after

    def __str__(self) -> str:
        return self.detail

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle what the error says, not how it was made; a response stays behind."""
        return _unmade, (type(self),), {**vars(self), "response": None}

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
        if self.code == 500:  # the app's own fault, which Flask logs of other exceptions only
            _log.error("%s", self, exc_info=self)
        return super().get_response(*args, **kwargs)


def _unmade(cls: type[LakeflowJobsError]) -> LakeflowJobsError:
    """An error that says nothing yet; ``pickle`` knows it by its name."""
    return cls.__new__(cls)


class ConfigurationError(LakeflowJobsError):
    """A setting is missing or makes no sense; the sentence names its key."""

    exit_code = 2
    kind = "configuration"
    title = "The app is not configured rightly"


class UnknownJob(LakeflowJobsError, exceptions.NotFound, KeyError):
    """No job of this app has that key.

    :param key: what was asked for.
    :param known: the keys that there are.
    """

    code = 404
    exit_code = 2
    kind = "unknown-job"
    title = "There is no such job"

    def __init__(self, key: str, known: Iterable[str]) -> None:
        names = ", ".join(repr(name) for name in sorted(known)) or "none"
        super().__init__(f"There is no job {key!r} in this app. The jobs it has: {names}.")
        self.key = key


class JobNotFound(LakeflowJobsError, exceptions.NotFound):
    """The workspace has no job with the id that the app is configured with, or hides it."""

    code = 404
    exit_code = 2
    kind = "job-not-found"
    title = "The workspace has no such job"


class RunNotFound(LakeflowJobsError, exceptions.NotFound):
    """The job has no such run; also said of a run that belongs to another job.

    :param run_id: what was asked for.
    :param job: the key of the job that was asked.
    """

    code = 404
    exit_code = 2
    kind = "run-not-found"
    title = "There is no such run"

    def __init__(self, run_id: int, job: str, *, upstream_code: str | None = None) -> None:
        super().__init__(
            f"The job {job!r} has no run {run_id}. List its runs to find the one you mean.",
            upstream_code=upstream_code,
        )
        self.run_id = run_id


class InvalidRequest(LakeflowJobsError, exceptions.BadRequest):
    """The request cannot be read: its body, its query or the run id in its path."""

    code = 400
    exit_code = 2
    kind = "invalid-request"
    title = "The request cannot be read"


class InvalidParameters(LakeflowJobsError, exceptions.BadRequest):
    """Parameters that the job does not take.

    :param messages: what is wrong, by field, as marshmallow spells it.
    """

    code = 400
    exit_code = 2
    kind = "invalid-parameters"
    title = "The parameters are not valid"

    def __init__(
        self,
        detail: str,
        messages: Mapping[str, Any] | None = None,
        *,
        upstream_code: str | None = None,
    ) -> None:
        super().__init__(detail, upstream_code=upstream_code)
        self.messages: dict[str, Any] = dict(messages or {})


class UnsupportedMediaType(LakeflowJobsError, exceptions.UnsupportedMediaType):
    """A body that is not JSON."""

    code = 415
    exit_code = 2
    kind = "unsupported-media-type"
    title = "The body is not JSON"


class MissingUserToken(LakeflowJobsError, exceptions.Unauthorized):
    """A call on behalf of a user, without that user's token."""

    code = 401
    exit_code = 6
    kind = "missing-user-token"
    title = "The request carries no user token"


class InvalidUserToken(LakeflowJobsError, exceptions.Unauthorized):
    """The workspace does not accept the user's token: it has expired, say."""

    code = 401
    exit_code = 6
    kind = "invalid-user-token"
    title = "The user token is not accepted"


class InvalidWebhookCredentials(LakeflowJobsError, exceptions.Unauthorized):
    """A notification without the user name and the password that the app takes them with."""

    code = 401
    exit_code = 6
    kind = "webhook-login-refused"
    title = "The notification does not log in rightly"

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        login = WWWAuthenticate("basic", {"realm": "lakeflow-jobs"})
        return [*super().get_headers(*args, **kwargs), ("WWW-Authenticate", login.to_header())]


class NotAllowed(LakeflowJobsError, exceptions.Forbidden):
    """Neither the app's policy nor the workspace lets this identity do that."""

    code = 403
    exit_code = 6
    kind = "not-allowed"
    title = "Not allowed"


class Conflict(LakeflowJobsError, exceptions.Conflict):
    """The run or the job is in a state in which that cannot be done."""

    code = 409
    kind = "conflict"
    title = "Not in this state"


class HandleClosed(LakeflowJobsError, RuntimeError):
    """A handle from ``as_user`` was used after its block."""

    kind = "handle-closed"
    title = "The handle is closed"


class UpstreamError(LakeflowJobsError, exceptions.BadGateway):
    """The workspace answered with something that is no answer."""

    code = 502
    exit_code = 7
    kind = "upstream-failed"
    title = "The workspace failed"
    retryable = True


class UpstreamUnauthenticated(UpstreamError):
    """The workspace does not accept the app's own credentials."""

    exit_code = 6
    kind = "upstream-unauthenticated"
    title = "The workspace does not accept the app's credentials"
    retryable = False


class UpstreamUnavailable(UpstreamError, exceptions.ServiceUnavailable):
    """The workspace cannot be reached, or says that it cannot serve now."""

    code = 503
    kind = "upstream-unavailable"
    title = "The workspace is unavailable"


class UpstreamThrottled(UpstreamError, exceptions.TooManyRequests):
    """The workspace's rate limit is used up."""

    code = 429
    kind = "upstream-throttled"
    title = "Too many requests to the workspace"


class UpstreamTimeout(UpstreamError, exceptions.GatewayTimeout):
    """The workspace did not answer in time."""

    code = 504
    kind = "upstream-timeout"
    title = "The workspace did not answer in time"


class RunTimeout(LakeflowJobsError, exceptions.GatewayTimeout, TimeoutError):
    """The wait is over before the run is; the run goes on.

    :param run_id: the run that was waited for.
    :param seconds: how long.
    :param last_error: why the state of the run is not known, as a sentence.
    """

    code = 504
    exit_code = 4
    kind = "run-timeout"
    title = "The run has not ended in time"
    retryable = True

    def __init__(self, run_id: int, seconds: float, *, last_error: str | None = None) -> None:
        super().__init__(
            f"No end of run {run_id} was observed within {seconds:g} seconds. {last_error}"
            if last_error
            else f"Run {run_id} has not ended within {seconds:g} seconds. It continues."
        )
        self.run_id = run_id
        self.last_error = last_error
