"""Failures of calls that the SDK does not raise itself, or before a request was sent."""

from __future__ import annotations

import requests
from urllib3.exceptions import NewConnectionError

#: In the message of http.client for a proxy that makes no connection to the host, and in that of
#: requests for a missing file of certificates.
NO_TUNNEL = "Tunnel connection failed"
NO_CERTIFICATES = "CA certificate bundle"


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
