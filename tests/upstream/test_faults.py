"""What the SDK raises, in our words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
import requests
from databricks.sdk import errors as sdk
from databricks.sdk.errors.base import DatabricksError

from flask_lakeflow_jobs import (
    Conflict,
    InvalidParameters,
    InvalidUserToken,
    LakeflowJobsError,
    NotAllowed,
    RunNotFound,
    UpstreamError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
)
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.upstream.error_mapping import (
    IncompleteResponse,
    LoginFailed,
    is_ambiguous,
    is_retryable,
    is_unreachable,
    retry_after,
    translate,
)

USER = Identity("users-own-secret")

#: How the SDK begins what it says of a page that is no answer of the API.
FOREIGN = "unable to parse response. This is likely a bug in the Databricks SDK for Python."


def no_run(code: str | None) -> LakeflowJobsError:
    return RunNotFound(5, "etl", upstream_code=code)


def read(error: Exception, identity: Identity = APP) -> LakeflowJobsError:
    return translate(error, identity, missing=no_run, refused_as_params=False)


def write(error: Exception, identity: Identity = APP) -> LakeflowJobsError:
    return translate(error, identity, missing=no_run, refused_as_params=True)


@pytest.mark.parametrize(
    ("error", "ours", "passes"),
    [
        (sdk.TooManyRequests("Slow down."), UpstreamThrottled, True),
        (sdk.ResourceExhausted("Too much."), UpstreamThrottled, True),
        (sdk.TemporarilyUnavailable("Back soon."), UpstreamUnavailable, True),
        (sdk.DeadlineExceeded("Late."), UpstreamTimeout, True),
        (sdk.InternalError("Oops."), UpstreamError, True),
        (sdk.Unknown("What?"), UpstreamError, True),
        (DatabricksError("Bad gateway."), UpstreamError, True),
        (sdk.BadRequest("x", error_code="COULD_NOT_ACQUIRE_LOCK"), UpstreamUnavailable, True),
        (sdk.Unauthenticated("Who?"), UpstreamUnauthenticated, False),
        (sdk.PermissionDenied("No."), NotAllowed, False),
        (sdk.NotFound("Nothing."), RunNotFound, False),
        (sdk.ResourceDoesNotExist("Nothing."), RunNotFound, False),
        (sdk.InvalidParameterValue("Run 5 does not exist."), RunNotFound, False),
        (sdk.InvalidParameterValue("Run: 5 in job: 7 doesn't exist"), RunNotFound, False),
        (sdk.ResourceConflict("Busy."), Conflict, False),
        (sdk.Aborted("Busy."), Conflict, False),
        (sdk.InvalidState("Ended."), Conflict, False),
        (sdk.BadRequest("Multiple tasks."), UpstreamError, False),
        (sdk.NotImplemented("Not yet."), UpstreamError, False),
        (requests.ConnectTimeout(), UpstreamTimeout, True),
        (requests.ReadTimeout(), UpstreamTimeout, True),
        (requests.ConnectionError("reset"), UpstreamUnavailable, True),
        (requests.exceptions.ChunkedEncodingError("half"), UpstreamError, True),
        (requests.exceptions.JSONDecodeError("x", "doc", 0), UpstreamError, True),
        (requests.exceptions.InvalidURL("x"), UpstreamError, False),
        (TimeoutError("late"), UpstreamTimeout, False),
        (LoginFailed("default auth: no credentials"), UpstreamUnauthenticated, False),
        (sdk.NotFound(FOREIGN), UpstreamError, True),
        (sdk.BadRequest(FOREIGN), UpstreamError, True),
        (sdk.PermissionDenied(FOREIGN), NotAllowed, False),
    ],
)
def test_each_failure_has_its_error(
    error: Exception, ours: type[LakeflowJobsError], passes: bool
) -> None:
    assert type(read(error)) is ours
    assert is_retryable(error) is passes


@pytest.mark.parametrize("error", [sdk.BadRequest("Multiple tasks."), sdk.NotImplemented("No.")])
def test_what_cannot_pass_is_not_called_retryable(error: Exception) -> None:
    assert not read(error).retryable


@pytest.mark.parametrize(
    "error", [sdk.InternalError("Oops."), DatabricksError("502"), sdk.TooManyRequests("Slow.")]
)
def test_what_may_pass_is(error: Exception) -> None:
    assert read(error).retryable


def test_our_own_errors_stay_what_they_are() -> None:
    ours = NotAllowed("No.")
    assert read(ours) is ours


def test_the_workspace_refuses_the_parameters_of_a_write_and_nothing_of_a_read() -> None:
    refusal = sdk.InvalidParameterValue("Bad day.", error_code="INVALID_PARAMETER_VALUE")
    assert type(write(refusal)) is InvalidParameters
    assert type(read(refusal)) is UpstreamError
    assert write(refusal).upstream_code == "INVALID_PARAMETER_VALUE"
    assert "Bad day." in write(refusal).detail


def test_a_refused_token_is_the_users_own_trouble_or_the_apps() -> None:
    refused = sdk.Unauthenticated("Invalid token.")
    assert (read(refused, USER).code, read(refused, APP).code) == (401, 502)
    assert type(read(refused, USER)) is InvalidUserToken


@pytest.mark.parametrize(
    "said", ["Invalid access token. [ReqId: 1]", "Token is expired", "Expired access token."]
)
def test_a_token_that_is_refused_as_forbidden_is_still_a_refused_token(said: str) -> None:
    refused = sdk.PermissionDenied(said, error_code="PERMISSION_DENIED")
    assert type(read(refused, USER)) is InvalidUserToken
    assert type(read(refused, APP)) is UpstreamUnauthenticated
    assert "Renew" in read(refused, APP).detail


def test_a_token_without_the_scope_is_not_helped_by_a_permission() -> None:
    refused = sdk.PermissionDenied("Provided OAuth token does not have required scopes: jobs")
    assert type(read(refused, USER)) is NotAllowed
    assert "CAN_MANAGE_RUN" not in read(refused, USER).detail


@pytest.mark.parametrize("translated", [read, write])
def test_a_host_without_a_jobs_api_says_nothing_of_runs(
    translated: Callable[[Exception], LakeflowJobsError],
) -> None:
    error = sdk.NotFound("No API found for 'GET /x'", error_code="ENDPOINT_NOT_FOUND")
    assert type(translated(error)) is UpstreamError
    assert "DATABRICKS_HOST" in translated(error).detail
    assert not translated(error).retryable


@pytest.mark.parametrize(
    "error", [sdk.TooManyRequests("Slow."), sdk.TemporarilyUnavailable("Back soon.")]
)
def test_the_wait_that_the_workspace_asks_for_is_passed_on(error: DatabricksError) -> None:
    error.retry_after_secs = 7
    assert retry_after(error) == 7.0
    assert read(error).retry_seconds == 7.0


def test_a_throttled_client_is_always_told_when_to_come_back() -> None:
    assert retry_after(sdk.TooManyRequests("Slow.")) is None
    assert (read(sdk.TooManyRequests("Slow.")).retry_seconds or 0) > 0
    assert retry_after(None) is None


@pytest.mark.parametrize("error", [KeyError("run_id"), ValueError("no number"), AttributeError()])
def test_an_answer_that_is_not_understood_is_not_asked_for_again_at_once(error: Exception) -> None:
    assert type(read(error)) is UpstreamError
    assert read(error).retryable, "the next look may see better"
    assert not is_retryable(error)


@pytest.mark.parametrize(
    "token", ["users-own-secret", "dapi0123456789abcdef-3", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"]
)
def test_a_token_that_the_workspace_repeats_is_told_to_nobody(token: str) -> None:
    for error in (sdk.PermissionDenied, sdk.Unauthenticated, sdk.InvalidParameterValue):
        detail = write(error(f"The token {token} is not good."), USER).detail
        assert token not in detail
        assert "is not good" in detail


@pytest.mark.parametrize(
    ("error", "may_have"),
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
        (requests.ConnectTimeout("nobody"), False),
        (requests.exceptions.SSLError("whose certificate?"), False),
        (sdk.TooManyRequests("Slow down."), False),
        (sdk.TemporarilyUnavailable("Back soon."), False),
        (sdk.InvalidParameterValue("No."), False),
        (sdk.PermissionDenied("No."), False),
        (LoginFailed("no credentials"), False),
        (UpstreamUnavailable("Not asked just now."), False),
    ],
)
def test_what_a_failed_call_may_have_done(error: Exception, may_have: bool) -> None:
    assert is_ambiguous(error) is may_have


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Token is expired. Config: host=https://w, client_id=abc. Env: DATABRICKS_HOST",
            "Token is expired.",
        ),
        ("No scope: jobs. Env: DATABRICKS_TOKEN", "No scope: jobs."),
        ("First line\nTraceback: secret", "First line."),
        (
            "unable to parse response. This is likely a bug in the SDK. Request log:```secret",
            "an IP access list, or a proxy",
        ),
    ],
)
def test_what_the_sdk_adds_for_its_developers_is_told_to_nobody(said: str, told: str) -> None:
    detail = read(sdk.PermissionDenied(said)).detail
    assert told in detail
    for private in ("client_id", "Env:", "Config:", "secret", "DATABRICKS", "Request log"):
        assert private not in detail


# ── how connections really fail ───────────────────────────────────────────────────────────────────


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(requests.ConnectionError) as refused:
        requests.get(f"http://127.0.0.1:{port}", timeout=5)
    assert is_unreachable(refused.value)
    assert is_retryable(refused.value)
    assert type(read(refused.value)) is UpstreamUnavailable


def test_a_connection_that_breaks_may_have_been_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.close()

        accepting = threading.Thread(target=hang_up)
        accepting.start()
        with pytest.raises(requests.ConnectionError) as broken:
            requests.get(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=5)
        accepting.join()
    assert not is_unreachable(broken.value)
    assert is_retryable(broken.value)


def test_what_is_no_connection_error_says_nothing_of_the_connection() -> None:
    assert not is_unreachable(None)
    assert not is_unreachable(sdk.InternalError("Oops."))
