"""What the SDK raises, in our words: which failures may pass, and which error each one is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import requests
from databricks.sdk import errors as sdk
from databricks.sdk.errors.base import DatabricksError
from requests.exceptions import SSLError
from urllib3.exceptions import NewConnectionError

from ..errors import (
    Conflict,
    InvalidParameters,
    InvalidUserToken,
    LakeflowJobsError,
    NotAllowed,
    UpstreamError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
)

if TYPE_CHECKING:
    from ..identity import Identity

MakeNotFound = Callable[[str | None], LakeflowJobsError]

#: Answers after which the same request may succeed.
TRANSIENT_ANSWERS = (
    sdk.TooManyRequests,
    sdk.TemporarilyUnavailable,
    sdk.DeadlineExceeded,
    sdk.InternalError,
)


class IncompleteResponse(Exception):
    """The workspace said yes, and left out what that is worth."""


class NonApiResponse(Exception):
    """A page in the place of an answer: a proxy's, say."""


class LoginFailed(Exception):
    """The SDK has no credentials to log in with, or they are refused."""


#: Broken connections and broken answers: the request may have been carried out.
TRANSIENT_BREAKS = (
    IncompleteResponse,
    NonApiResponse,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.JSONDecodeError,
)

#: A 400 of the Jobs API that passes by itself. Source: Airflow's Databricks hook retries it too.
LOCKED = "COULD_NOT_ACQUIRE_LOCK"

#: What the SDK puts behind a message, for its own developers.
APPENDED = re.compile(r"\.?\s*(?:(?:Config|Env): |This is likely a bug)")

#: How the workspace says, of all statuses with 403, that a token is none or none any more.
NO_VALID_TOKEN = re.compile(
    r"\b(invalid|expired)\b.*\btoken\b|\btoken\b.*\bexpired\b", re.IGNORECASE
)

#: Personal access tokens, and those of OAuth: a workspace may repeat the one that it was sent.
TOKENS = re.compile(r"\bdapi\w{4,}(?:-\d+)?|\beyJ[\w-]+\.[\w-]+\.[\w-]+")

#: A path that the host does not serve, so that nothing is said of a job or run.
NO_ENDPOINT = "ENDPOINT_NOT_FOUND"

#: Answers by which somebody is kept out.
REFUSALS = (sdk.Unauthenticated, sdk.PermissionDenied)

#: What the SDK says of an answer without the Jobs API's own words, such as a proxy's page.
FOREIGN_WORDS = "unable to parse response"

#: What the reader has to know of a call that failed and may have been carried out all the same.
MAY_HAVE_HAPPENED = (
    " What was asked may have happened all the same: look before asking again, and ask with an"
    " idempotency key to be safe."
)

NO_SUCH_THING = re.compile(r"\b(Job|Run)\b.* (does not|doesn't) exist")


def is_retryable(error: BaseException) -> bool:
    """Whether the same request may succeed a little later.

    :param error: what the SDK raised.
    """
    if isinstance(error, DatabricksError):
        has_no_class = type(error) is DatabricksError  # 502, above all
        return (
            has_no_class
            or isinstance(error, TRANSIENT_ANSWERS)
            or error.error_code == LOCKED
            or (FOREIGN_WORDS in str(error) and not isinstance(error, REFUSALS))
        )
    return isinstance(error, TRANSIENT_BREAKS)


def is_unreachable(error: BaseException | None) -> bool:
    """Whether no connection came about at all, so that nothing was asked.

    :param error: what the SDK raised.
    """
    if not isinstance(error, requests.ConnectionError):
        return False
    cause = error.args[0] if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(
        getattr(cause, "reason", None), NewConnectionError
    )


def is_timeout(error: BaseException) -> bool:
    """Whether no answer came, in time or at all.

    :param error: what the SDK raised.
    """
    return isinstance(error, requests.Timeout | TimeoutError) or is_unreachable(error)


def is_ambiguous(error: BaseException) -> bool:
    """Whether the workspace may have done what it was asked for, though no answer says so.

    :param error: what the SDK raised.
    """
    if isinstance(error, DatabricksError):
        has_no_class = type(error) is DatabricksError
        return has_no_class or isinstance(error, sdk.DeadlineExceeded | sdk.InternalError)
    if isinstance(error, requests.RequestException):
        is_broken = isinstance(error, TRANSIENT_BREAKS)
        return is_broken and not (is_unreachable(error) or isinstance(error, SSLError))
    # What is left is silence, and answers that are none or are not understood.
    return not isinstance(error, LakeflowJobsError | LoginFailed)


def retry_after(error: BaseException | None) -> float | None:
    """Seconds that the workspace asks to wait.

    :param error: what the SDK raised.
    """
    seconds = getattr(error, "retry_after_secs", None)
    return None if seconds is None else max(0.0, float(seconds))


def translate(
    error: Exception, identity: Identity, *, missing: MakeNotFound | None, refused_as_params: bool
) -> LakeflowJobsError:
    """One of our errors for one of the SDK's.

    :param error: what the SDK raised, or what stood in its way.
    :param identity: as whom the call ran.
    :param missing: makes the error for a job or run that is not there.
    :param refused_as_params: a 400 is about the caller's parameters.
    """
    if isinstance(error, LakeflowJobsError):
        return error
    if isinstance(error, DatabricksError):
        return _translate_answer(
            error, identity, missing=missing, refused_as_params=refused_as_params
        )
    if isinstance(error, requests.Timeout | TimeoutError):
        return UpstreamTimeout("The workspace did not answer in time.")
    if isinstance(error, SSLError):
        return UpstreamUnavailable(
            "No secure connection to the workspace comes about. If its certificate, or that of a"
            " proxy on the way, is of an authority of your own, name its file in"
            " REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, requests.ConnectionError):
        return UpstreamUnavailable(
            "The workspace cannot be reached. Check DATABRICKS_HOST and the network."
            if is_unreachable(error)
            else "The connection to the workspace broke before it had answered."
        )
    if isinstance(error, NonApiResponse):
        return _foreign(error)
    if isinstance(error, requests.RequestException | IncompleteResponse):
        return _failed("The workspace's answer cannot be read.", error)
    if isinstance(error, LoginFailed):
        return UpstreamUnauthenticated(
            f"The app cannot log in to the workspace: {_clean(error, identity)} Check"
            " DATABRICKS_HOST and the credentials (DATABRICKS_CLIENT_ID and"
            " DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN)."
        )
    failed = _failed(f"The workspace's answer is not understood ({type(error).__name__}).", error)
    failed.retryable = True  # the next may be
    return failed


def _translate_answer(
    error: DatabricksError,
    identity: Identity,
    *,
    missing: MakeNotFound | None,
    refused_as_params: bool,
) -> LakeflowJobsError:
    said = _clean(error, identity)
    code = error.error_code
    if FOREIGN_WORDS in said and not isinstance(error, REFUSALS + TRANSIENT_ANSWERS):
        return _foreign(error)
    if code == NO_ENDPOINT:
        return _failed(
            f"The host does not serve this: {said} Check that DATABRICKS_HOST is a workspace's.",
            error,
            upstream_code=code,
        )
    if missing and (isinstance(error, sdk.NotFound) or NO_SUCH_THING.search(said)):
        return missing(code)
    is_refused = isinstance(error, sdk.PermissionDenied)
    if isinstance(error, sdk.Unauthenticated) or (is_refused and NO_VALID_TOKEN.search(said)):
        if identity.is_user:
            return InvalidUserToken(
                f"The workspace does not accept the user's token: {said} Sign in again.",
                upstream_code=code,
            )
        return UpstreamUnauthenticated(
            f"The workspace does not accept the app's credentials: {said} Renew those that"
            " it is configured with.",
            upstream_code=code,
        )
    if is_refused and FOREIGN_WORDS in said:
        return NotAllowed(
            "Something on the way to the workspace does not allow it: an IP access list, or a"
            " proxy. Check from where the workspace may be reached.",
            upstream_code=code,
        )
    if is_refused and "required scopes" in said:
        return NotAllowed(
            f"The workspace does not allow it: {said} Use a token that has this scope; one that"
            " Databricks Apps forwards has those of the app's user authorization.",
            upstream_code=code,
        )
    if is_refused:
        return NotAllowed(
            f"The workspace does not allow it: {said} Grant the identity CAN_MANAGE_RUN on the job"
            " (or CAN_VIEW, to read).",
            upstream_code=code,
        )
    if isinstance(error, sdk.TooManyRequests):
        return UpstreamThrottled(
            f"The workspace has too many requests: {said}",
            upstream_code=code,
            retry_after=retry_after(error) or 1.0,
        )
    if isinstance(error, sdk.TemporarilyUnavailable) or code == LOCKED:
        return UpstreamUnavailable(
            f"The workspace is unavailable: {said}",
            upstream_code=code,
            retry_after=retry_after(error) or 1.0,
        )
    if isinstance(error, sdk.DeadlineExceeded):
        return UpstreamTimeout(f"The workspace timed out: {said}", upstream_code=code)
    if isinstance(error, sdk.ResourceConflict | sdk.InvalidState):
        return Conflict(f"The workspace refuses it in this state: {said}", upstream_code=code)
    if isinstance(error, sdk.BadRequest) and refused_as_params:
        return InvalidParameters(f"The workspace refuses it: {said}", upstream_code=code)
    return _failed(f"The workspace failed: {said}", error, upstream_code=code)


def as_ambiguous(failed: LakeflowJobsError) -> LakeflowJobsError:
    """The error of a call that may have been carried out, and must not be made anew blindly.

    :param failed: the error as it is for other calls.
    """
    failed.detail = failed.description = f"{failed.detail}{MAY_HAVE_HAPPENED}"
    failed.retryable = False
    failed.retry_seconds = None
    return failed


def _foreign(error: Exception) -> UpstreamError:
    return _failed(
        "Something between the app and the workspace answered in its place, such as a proxy.", error
    )


def _failed(sentence: str, error: Exception, *, upstream_code: str | None = None) -> UpstreamError:
    """A failure without a name of its own: worth another try only if it may pass."""
    failed = UpstreamError(sentence, upstream_code=upstream_code)
    failed.retryable = is_retryable(error)
    return failed


def _clean(error: Exception, identity: Identity) -> str:
    """The message without tokens, and without what the SDK appends: the client's configuration, or
    a log of it all."""
    said = APPENDED.split(str(error), maxsplit=1)[0].strip()
    first_line = said.splitlines()[0] if said else type(error).__name__
    if identity.token:
        first_line = first_line.replace(identity.token, "…")
    first_line = TOKENS.sub("…", first_line)
    return first_line if first_line.endswith((".", "!", "?")) else f"{first_line}."
