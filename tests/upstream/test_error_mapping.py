"""The error of each failure of a call."""

from __future__ import annotations

import pytest
import requests
from databricks.sdk import errors as sdk
from databricks.sdk.errors.base import DatabricksError
from requests.exceptions import InvalidProxyURL, InvalidSchema, ProxyError, SSLError

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
from flask_lakeflow_jobs.text import MAX_LINE_CHARS
from flask_lakeflow_jobs.upstream.error_mapping import (
    OTHER_RULES,
    RESPONSE_RULES,
    ErrorContext,
    FailedCall,
    Rule,
    translate_error,
)
from flask_lakeflow_jobs.upstream.failures import (
    MAX_REQUESTED_DELAY_SECONDS,
    IncompleteResponse,
    LoginFailed,
    LoginUnavailable,
    NonApiResponse,
    RedirectedWrite,
    ResponseTooLarge,
    get_retry_after,
    is_retryable,
)
from tests.upstream.support import NO_CERTIFICATES_FILE

USER = Identity("users-own-secret")

#: The beginning of the SDK's message for a page that is not a response of the API.
NON_API = "unable to parse response. This is likely a bug in the Databricks SDK for Python."


def make_run_not_found(code: str | None) -> LakeflowJobsError:
    return RunNotFound(5, "etl", upstream_code=code)


READ = ErrorContext(APP, make_run_not_found)
WRITE = ErrorContext(APP, make_run_not_found, has_params=True)
USERS_READ = ErrorContext(USER, make_run_not_found)
USERS_WRITE = ErrorContext(USER, make_run_not_found, has_params=True)


def with_code(kind: type[DatabricksError], message: str, code: str) -> DatabricksError:
    return kind(message, error_code=code)


#: For each rule, in order: a failure that it matches, and the call's context.
RESPONSES: list[tuple[DatabricksError, ErrorContext]] = [
    (sdk.BadRequest(NON_API), WRITE),
    (with_code(sdk.NotFound, "No API found for 'GET /x'", "ENDPOINT_NOT_FOUND"), READ),
    (sdk.Unauthenticated("Invalid token."), USERS_READ),
    (sdk.Unauthenticated("Invalid token."), READ),
    (sdk.PermissionDenied(NON_API), READ),
    (sdk.PermissionDenied("OAuth token does not have required scopes: jobs"), USERS_READ),
    (sdk.PermissionDenied("No."), READ),
    (sdk.TooManyRequests("Slow down."), READ),
    (sdk.TemporarilyUnavailable("Back soon."), READ),
    (sdk.DeadlineExceeded("Late."), READ),
    (sdk.ResourceConflict("Busy."), READ),
    (sdk.BadRequest("Bad day."), WRITE),
    (sdk.BadRequest("Multiple tasks."), READ),
]


@pytest.mark.parametrize(
    ("rule", "error", "context"),
    [(rule, *example) for rule, example in zip(RESPONSE_RULES, RESPONSES, strict=True)],
    ids=[f"{type(error).__name__}-{number}" for number, (error, _) in enumerate(RESPONSES)],
)
def test_response_selects_its_rule(
    rule: Rule, error: DatabricksError, context: ErrorContext
) -> None:
    failure = FailedCall(error, context)
    assert next(each for each in RESPONSE_RULES if each.matches(failure)) is rule
    translated = translate_error(error, context)
    assert type(translated) is rule.kind
    assert translated.detail == rule.detail.format(message=failure.message)
    assert translated.upstream_code == error.error_code


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (0, requests.ReadTimeout("late")),
        (0, requests.ConnectTimeout("late")),
        (0, TimeoutError("late")),
        (1, ProxyError("407")),
        (1, InvalidProxyURL("no host")),
        (1, InvalidSchema("Missing dependencies for SOCKS support.")),
        (2, requests.exceptions.InvalidURL("x")),
        (3, SSLError("unknown issuer")),
        (4, NO_CERTIFICATES_FILE),
        (6, requests.ConnectionError("reset")),
        (7, NonApiResponse("A page.")),
        (8, ResponseTooLarge("More than 1 byte.")),
        (8, RecursionError("maximum recursion depth exceeded")),
        (9, RedirectedWrite("A redirect.")),
        (10, requests.exceptions.ChunkedEncodingError("half")),
        (10, IncompleteResponse("no run_id")),
        (11, LoginUnavailable("A page.")),
        (12, LoginFailed("default auth: no credentials")),
        (13, KeyError("run_id")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failure_without_response_selects_its_rule(number: int, error: Exception) -> None:
    assert_rule_applies(number, error)


def assert_rule_applies(number: int, error: Exception) -> None:
    rule = OTHER_RULES[number]
    translated = translate_error(error, READ)
    assert type(translated) is rule.kind
    expected = rule.detail.format(
        message=FailedCall(error, READ).message, type=type(error).__name__
    )
    assert translated.detail == expected


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (sdk.TooManyRequests("Slow down."), UpstreamThrottled, True),
        (sdk.ResourceExhausted("Too much."), UpstreamThrottled, True),
        (sdk.TemporarilyUnavailable("Back soon."), UpstreamUnavailable, True),
        (sdk.DeadlineExceeded("Late."), UpstreamTimeout, True),
        (sdk.InternalError("Oops."), UpstreamError, True),
        (sdk.Unknown("What?"), UpstreamError, True),
        (DatabricksError("Bad gateway."), UpstreamError, True),
        (with_code(sdk.BadRequest, "x", "COULD_NOT_ACQUIRE_LOCK"), UpstreamUnavailable, True),
        (sdk.Unauthenticated("Who?"), UpstreamUnauthenticated, False),
        (sdk.PermissionDenied("No."), NotAllowed, False),
        (sdk.NotFound("Nothing."), RunNotFound, False),
        (sdk.ResourceDoesNotExist("Nothing."), RunNotFound, False),
        (sdk.InvalidParameterValue("Run 5 does not exist."), RunNotFound, False),
        (sdk.InvalidParameterValue("Run: 5 in job: 7 doesn't exist"), RunNotFound, False),
        (sdk.InvalidParameterValue("Job parameter 'day' does not exist."), UpstreamError, False),
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
        (RecursionError("maximum recursion depth exceeded"), UpstreamError, False),
        (ResponseTooLarge("More than 1 byte."), UpstreamError, False),
        (RedirectedWrite("A redirect."), UpstreamError, False),
        (NO_CERTIFICATES_FILE, UpstreamError, False),
        (LoginUnavailable("A page."), UpstreamUnavailable, True),
        (LoginFailed("default auth: no credentials"), UpstreamUnauthenticated, False),
        (sdk.NotFound(NON_API), UpstreamError, True),
        (sdk.BadRequest(NON_API), UpstreamError, True),
        (sdk.PermissionDenied(NON_API), NotAllowed, False),
    ],
)
def test_failure_has_its_error_and_is_retried(
    error: Exception, kind: type[LakeflowJobsError], retryable: bool
) -> None:
    translated = translate_error(error, READ)
    assert type(translated) is kind
    assert translated.retryable is retryable
    assert is_retryable(error) is retryable


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("late"),
        KeyError("run_id"),
        ValueError("not a number"),
        AttributeError(),
        requests.TooManyRedirects("Exceeded 30 redirects."),
    ],
)
def test_failure_within_the_call_is_not_retried_at_once(error: Exception) -> None:
    assert not is_retryable(error)
    assert translate_error(error, READ).retryable


def test_error_of_this_extension_is_not_translated() -> None:
    error = NotAllowed("No.")
    assert translate_error(error, READ) is error


def test_missing_resource_without_a_job_is_an_upstream_error() -> None:
    assert type(translate_error(sdk.NotFound("Nothing."), ErrorContext(APP))) is UpstreamError


def test_missing_resource_has_the_upstream_code() -> None:
    error = with_code(sdk.NotFound, "Nothing.", "RESOURCE_DOES_NOT_EXIST")
    assert translate_error(error, READ).upstream_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("context", [READ, WRITE], ids=["read", "write"])
def test_host_without_jobs_api_is_not_a_missing_run(context: ErrorContext) -> None:
    error = with_code(sdk.NotFound, "No API found for 'GET /x'", "ENDPOINT_NOT_FOUND")
    translated = translate_error(error, context)
    assert type(translated) is UpstreamError
    assert "DATABRICKS_HOST" in translated.detail
    assert not translated.retryable


def test_rejected_parameters_are_invalid_in_a_write_only() -> None:
    error = with_code(sdk.InvalidParameterValue, "Bad day.", "INVALID_PARAMETER_VALUE")
    assert type(translate_error(error, READ)) is UpstreamError
    assert type(translate_error(sdk.InternalError("Oops."), WRITE)) is UpstreamError
    translated = translate_error(error, WRITE)
    assert type(translated) is InvalidParameters
    assert translated.upstream_code == "INVALID_PARAMETER_VALUE"
    assert "Bad day." in translated.detail


@pytest.mark.parametrize(
    "message", ["Invalid access token. [ReqId: 1]", "Token is expired", "Expired access token."]
)
def test_invalid_token_with_status_403_is_unauthenticated(message: str) -> None:
    error = with_code(sdk.PermissionDenied, message, "PERMISSION_DENIED")
    assert type(translate_error(error, USERS_READ)) is InvalidUserToken
    assert type(translate_error(error, READ)) is UpstreamUnauthenticated
    assert "Renew" in translate_error(error, READ).detail


def test_missing_scope_does_not_advise_a_permission() -> None:
    error = sdk.PermissionDenied("Provided OAuth token does not have required scopes: jobs")
    assert type(translate_error(error, USERS_READ)) is NotAllowed
    assert "CAN_MANAGE_RUN" not in translate_error(error, USERS_READ).detail


@pytest.mark.parametrize("kind", [sdk.TooManyRequests, sdk.TemporarilyUnavailable])
def test_retry_after_is_passed_on(kind: type[DatabricksError]) -> None:
    error = kind("Back soon.")
    assert get_retry_after(error) is None
    assert translate_error(error, READ).retry_seconds == 1.0

    error.retry_after_secs = 7
    assert get_retry_after(error) == 7.0
    assert translate_error(error, READ).retry_seconds == 7.0
    error.retry_after_secs = 10**400
    assert get_retry_after(error) == MAX_REQUESTED_DELAY_SECONDS


@pytest.mark.parametrize(
    "token", ["users-own-secret", "dapi0123456789abcdef-3", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"]
)
@pytest.mark.parametrize(
    "kind", [sdk.PermissionDenied, sdk.Unauthenticated, sdk.InvalidParameterValue]
)
def test_token_in_message_is_removed(token: str, kind: type[DatabricksError]) -> None:
    detail = translate_error(kind(f"The token {token} is not good."), USERS_WRITE).detail
    assert token not in detail
    assert "is not good" in detail


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "Token is expired. Config: host=https://w, client_id=abc. Env: DATABRICKS_HOST",
            "Token is expired.",
        ),
        ("No scope: jobs. Env: DATABRICKS_HOST", "No scope: jobs."),
        ("First line\nTraceback: secret", "First line."),
        (
            "unable to parse response. This is likely a bug in the SDK. Request log:```secret",
            "an IP access list, or a proxy",
        ),
    ],
)
def test_text_that_the_sdk_appends_is_removed(message: str, expected: str) -> None:
    detail = translate_error(sdk.PermissionDenied(message), READ).detail
    assert expected in detail
    for private in ("client_id", "Env:", "Config:", "secret", "DATABRICKS_HOST", "Request log"):
        assert private not in detail


@pytest.mark.parametrize(
    "pattern", [" ", ".", "token ", "invalid ", "eyJ-", "dapi", "Job ", "Env:"]
)
def test_endless_message_is_cut_before_patterns_match_it(pattern: str) -> None:
    """Without a limit, some patterns take hours for such messages."""
    message = f"a{pattern * 1_000_000}b"
    for kind in (sdk.PermissionDenied, sdk.BadRequest):
        assert len(translate_error(kind(message), USERS_WRITE).detail) < MAX_LINE_CHARS + 300


def test_failure_to_connect_selects_its_rule(
    unreachable: Exception, no_tunnel: Exception, broken: Exception
) -> None:
    assert_rule_applies(5, unreachable)
    assert_rule_applies(1, no_tunnel)
    assert_rule_applies(6, broken)
