"""Failures of calls: which are transient, and after which a request may have been carried out."""

from __future__ import annotations

import requests
from databricks.sdk import errors as sdk
from databricks.sdk.errors.base import DatabricksError
from requests.exceptions import SSLError
from urllib3.exceptions import NewConnectionError

from ..errors import LakeflowJobsError


class IncompleteResponse(Exception):
    """A successful response without required fields."""


class NonApiResponse(Exception):
    """A page in place of a response of the Jobs API, such as a proxy's."""


class ResponseTooLarge(Exception):
    """A response that is larger than any of the Jobs API."""


class RedirectedWrite(Exception):
    """A redirect of a write, whose body would be sent to another address."""


class LoginFailed(Exception):
    """The SDK has no credentials, or they cannot be used."""


class LoginUnavailable(LoginFailed):
    """The service that issues tokens failed. It may issue one a little later."""


class NoTokenEndpoint(LoginUnavailable):
    """The host does not name the endpoint of its tokens. It may be down, or be no workspace."""


#: Responses after which the same request may succeed.
TRANSIENT_RESPONSES = (
    sdk.TooManyRequests,
    sdk.TemporarilyUnavailable,
    sdk.DeadlineExceeded,
    sdk.InternalError,
)

#: Broken connections and broken responses: the request may have been carried out.
TRANSIENT_BREAKS = (
    IncompleteResponse,
    LoginUnavailable,
    NonApiResponse,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.JSONDecodeError,
)

#: Responses that deny access.
DENIALS = (sdk.Unauthenticated, sdk.PermissionDenied)

#: The code of a transient 400. Source: Airflow's Databricks hook retries it too.
LOCKED = "COULD_NOT_ACQUIRE_LOCK"

#: The SDK's message for a response that is not in the format of the API, such as a proxy's page.
NON_API_MESSAGE = "unable to parse response"

#: The longest delay that a workspace may ask for. A longer one is a mistake.
MAX_REQUESTED_DELAY_SECONDS = 24 * 3600

#: In messages of http.client: a proxy does not connect to the host.
NO_TUNNEL = "Tunnel connection failed"
#: In messages of requests: there is no file of certificates.
NO_CERTIFICATES = "CA certificate bundle"


def is_retryable(error: BaseException) -> bool:
    """Return whether the same request may succeed a little later."""
    if isinstance(error, DatabricksError):
        has_no_class = type(error) is DatabricksError  # 502, above all
        return (
            has_no_class
            or isinstance(error, TRANSIENT_RESPONSES)
            or error.error_code == LOCKED
            or (NON_API_MESSAGE in str(error) and not isinstance(error, DENIALS))
        )
    return isinstance(error, TRANSIENT_BREAKS)


def seldom_passes(error: BaseException) -> bool:
    """Return whether a transient error is likely to last for longer than a call may take."""
    is_wrong_host = isinstance(error, sdk.NotFound) and NON_API_MESSAGE in str(error)
    is_no_workspace = isinstance(error, IncompleteResponse | NoTokenEndpoint)
    return is_wrong_host or is_unreachable(error) or is_no_workspace


def is_timeout(error: BaseException) -> bool:
    """Return whether no response arrived, in time or at all."""
    return isinstance(error, requests.Timeout | TimeoutError) or is_unreachable(error)


def is_ambiguous(error: BaseException) -> bool:
    """Return whether the workspace may have carried out the request that failed."""
    if isinstance(error, DatabricksError):
        has_no_class = type(error) is DatabricksError
        return has_no_class or isinstance(error, sdk.DeadlineExceeded | sdk.InternalError)
    if isinstance(error, requests.RequestException):
        is_broken = isinstance(error, TRANSIENT_BREAKS)
        return is_broken and not (is_unreachable(error) or isinstance(error, SSLError))
    # Other failures are timeouts and responses that could not be read.
    is_unsent = isinstance(error, LakeflowJobsError | LoginFailed | RedirectedWrite)
    return not (is_unsent or lacks_certificates(error))


def is_unreachable(error: BaseException | None) -> bool:
    """Return whether no connection was made, so that no request was sent."""
    if not isinstance(error, requests.ConnectionError):
        return False
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    cause = getattr(reason, "original_error", reason)  # of an error of a proxy
    has_no_connection = isinstance(cause, NewConnectionError) or NO_TUNNEL in str(cause)
    return isinstance(error, requests.ConnectTimeout) or has_no_connection


def lacks_certificates(error: BaseException) -> bool:
    """Return whether the file of certificates is missing, so that no request was sent."""
    return isinstance(error, OSError) and NO_CERTIFICATES in str(error)


def get_retry_after(error: BaseException | None) -> float | None:
    """Return the seconds that the workspace asks clients to wait, if any."""
    seconds = getattr(error, "retry_after_secs", None)
    return None if seconds is None else float(max(0, min(seconds, MAX_REQUESTED_DELAY_SECONDS)))
