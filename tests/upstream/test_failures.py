"""Failures of calls: which are transient or ambiguous."""

from __future__ import annotations

import pytest
import requests
from databricks.sdk import errors as sdk
from databricks.sdk.errors.base import DatabricksError
from requests.exceptions import ProxyError, SSLError

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.upstream.failures import (
    IncompleteResponse,
    LoginFailed,
    LoginUnavailable,
    RedirectedWrite,
    ResponseTooLarge,
    get_retry_after,
    is_ambiguous,
    is_retryable,
    is_timeout,
    is_unreachable,
)
from tests.upstream.support import NO_CERTIFICATES_FILE


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (requests.ConnectionError("reset"), True),
        (requests.ReadTimeout("late"), True),
        (TimeoutError("late"), True),
        (IncompleteResponse("no run_id"), True),
        (TypeError("a list for an object"), True),
        (requests.exceptions.ChunkedEncodingError("half"), True),
        (sdk.InternalError("Oops."), True),
        (sdk.DeadlineExceeded("Late."), True),
        (DatabricksError("Bad gateway."), True),
        (requests.ConnectTimeout("no server"), False),
        (SSLError("unknown issuer"), False),
        (ProxyError("reset"), True),
        (NO_CERTIFICATES_FILE, False),
        (sdk.TooManyRequests("Slow down."), False),
        (sdk.TemporarilyUnavailable("Back soon."), False),
        (sdk.InvalidParameterValue("No."), False),
        (sdk.PermissionDenied("No."), False),
        (LoginFailed("no credentials"), False),
        (LoginUnavailable("A page."), False),
        (RedirectedWrite("A redirect."), False),
        (ResponseTooLarge("More than 1 byte."), True),
        (UpstreamUnavailable("Calls are suspended."), False),
    ],
)
def test_is_ambiguous_if_the_request_may_have_been_carried_out(
    error: Exception, expected: bool
) -> None:
    assert is_ambiguous(error) is expected


def test_unreachable_host_is_a_retryable_timeout(unreachable: Exception) -> None:
    assert is_unreachable(unreachable)
    assert is_timeout(unreachable)
    assert is_retryable(unreachable)
    assert not is_ambiguous(unreachable)


def test_proxy_that_makes_no_tunnel_is_unreachable(no_tunnel: Exception) -> None:
    assert is_unreachable(no_tunnel)
    assert not is_ambiguous(no_tunnel)


def test_broken_connection_is_ambiguous(broken: Exception) -> None:
    assert not is_unreachable(broken)
    assert not is_timeout(broken)
    assert is_retryable(broken)
    assert is_ambiguous(broken)


def test_other_errors_are_not_unreachable() -> None:
    assert not is_unreachable(None)
    assert not is_unreachable(sdk.InternalError("Oops."))


def test_retry_after_without_error_is_none() -> None:
    assert get_retry_after(None) is None
