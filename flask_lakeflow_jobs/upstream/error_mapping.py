"""The error that each failure of a call raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import requests
from databricks.sdk import errors as sdk
from databricks.sdk.errors.base import DatabricksError
from requests.exceptions import InvalidProxyURL, InvalidSchema, InvalidURL, ProxyError, SSLError

from ..errors import (
    MISSING_SCOPE,
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
from ..text import clean_line, first_line
from .failures import (
    DENIALS,
    LOCKED,
    NON_API_MESSAGE,
    TRANSIENT_RESPONSES,
    IncompleteResponse,
    LoginFailed,
    LoginUnavailable,
    NonApiResponse,
    RedirectedWrite,
    ResponseTooLarge,
    get_retry_after,
    is_retryable,
    is_unreachable,
    lacks_certificates,
)

if TYPE_CHECKING:
    from ..identity import Identity

#: The code of a 404 because the host does not serve the path; the job or run may exist.
NO_ENDPOINT = "ENDPOINT_NOT_FOUND"

#: A 400 of the Jobs API that is a 404 by its message.
DOES_NOT_EXIST = re.compile(r"\b(Job|Run)\W+\d.* (does not|doesn't) exist")

#: A 403 that is a 401 by its message.
INVALID_TOKEN = re.compile(r"(?i)\b(invalid|expired)\b.*\btoken\b|\btoken\b.*\bexpired\b")

#: The part of a message that the SDK appends for its own developers.
APPENDED = re.compile(r"(?:Config|Env): |This is likely a bug")

#: Characters of an error code that are kept.
MAX_CODE_CHARS = 100

MakeNotFound: TypeAlias = Callable[[str | None], LakeflowJobsError]


@dataclass(frozen=True)
class ErrorContext:
    """The facts about a call that its error depends on.

    :param make_not_found: makes the error for a job or run that does not exist, from the
        ``error_code`` of the response.
    :param has_params: the request carries parameters of the caller, so a 400 is about them.
    :param is_repeatable: the caller can repeat the call without changing its result.
    """

    identity: Identity
    make_not_found: MakeNotFound | None = None
    has_params: bool = False
    is_repeatable: bool = True


def is_refused_login(error: Exception, context: ErrorContext) -> bool:
    """Return whether the workspace no longer accepts credentials that it may have accepted."""
    is_response = isinstance(error, DatabricksError)
    return is_response and _is_unauthenticated(FailedCall(error, context))


def clean_message(message: str, identity: Identity) -> str:
    """Return the first line of a message, of limited length and without tokens."""
    line = first_line(message.strip())
    return clean_line(line.replace(identity.token, "…") if identity.token else line)


def clean_error(error: Exception, identity: Identity) -> None:
    """Clean the texts of an error and its causes in place: logs and traces quote all of them."""
    cause: BaseException | None = error
    while cause is not None:
        cause.args = tuple(
            clean_message(arg, identity) if isinstance(arg, str) else arg for arg in cause.args
        )
        cause = cause.__cause__ or cause.__context__


def translate_error(error: Exception, context: ErrorContext) -> LakeflowJobsError:
    """Return the error of this extension for a failure of a call."""
    if isinstance(error, LakeflowJobsError):
        return error
    failure = FailedCall(error, context)
    if context.make_not_found and _is_not_found(failure):
        return context.make_not_found(failure.code)
    rules = RESPONSE_RULES if isinstance(error, DatabricksError) else OTHER_RULES
    return next(rule.make_error(failure) for rule in rules if rule.matches(failure))


@dataclass(frozen=True)
class FailedCall:
    """A failed call, as the rules see it."""

    error: Exception
    context: ErrorContext

    @property
    def code(self) -> str | None:
        """The ``error_code`` of the response."""
        code = getattr(self.error, "error_code", None)
        return None if code is None else clean_line(str(code), MAX_CODE_CHARS)

    @property
    def message(self) -> str:
        """The message as a sentence, without what the SDK appends: the configuration of the client,
        or a log of the request."""
        message = clean_message(str(self.error), self.context.identity)
        line = APPENDED.split(message, maxsplit=1)[0].strip() or type(self.error).__name__
        return line if line.endswith((".", "!", "?")) else f"{line}."

    def is_a(self, *kinds: type[Exception]) -> bool:
        return isinstance(self.error, kinds)


@dataclass(frozen=True)
class Rule:
    """The error for one sort of failure.

    :param detail: may contain ``{message}`` and ``{type}`` of the failure.
    :param retry_after: seconds, if the response does not say when to retry.
    :param retryable: an :exc:`UpstreamError` is retryable, even if :func:`is_retryable` denies it.
    """

    matches: Callable[[FailedCall], bool]
    kind: type[LakeflowJobsError]
    detail: str
    retry_after: float | None = None
    retryable: bool = False

    def make_error(self, failure: FailedCall) -> LakeflowJobsError:
        detail = self.detail.format(message=failure.message, type=type(failure.error).__name__)
        error = self.kind(detail, upstream_code=failure.code)
        if self.retry_after is not None:
            error.retry_seconds = get_retry_after(failure.error) or self.retry_after
        if self.kind is UpstreamError:
            error.retryable = self.retryable or is_retryable(failure.error)
        return error


def _is_a(*kinds: type[Exception]) -> Callable[[FailedCall], bool]:
    return lambda failure: failure.is_a(*kinds)


def _is_denied_with(text: str) -> Callable[[FailedCall], bool]:
    return lambda failure: failure.is_a(sdk.PermissionDenied) and text in failure.message


def _is_non_api(failure: FailedCall) -> bool:
    return NON_API_MESSAGE in failure.message and not failure.is_a(*DENIALS, *TRANSIENT_RESPONSES)


def _is_not_found(failure: FailedCall) -> bool:
    if failure.code == NO_ENDPOINT or _is_non_api(failure):
        return False  # the host has no Jobs API, so the job or run may exist
    return failure.is_a(sdk.NotFound) or (
        failure.is_a(DatabricksError) and DOES_NOT_EXIST.search(failure.message) is not None
    )


def _is_unauthenticated(failure: FailedCall) -> bool:
    return failure.is_a(sdk.Unauthenticated) or (
        failure.is_a(sdk.PermissionDenied) and INVALID_TOKEN.search(failure.message) is not None
    )


NON_API_DETAIL = (
    "Something between the app and the workspace responded in its place, such as a proxy. Check"
    " DATABRICKS_HOST and the network."
)

#: The errors for responses of the workspace. The first rule that matches applies.
RESPONSE_RULES = (
    Rule(_is_non_api, UpstreamError, NON_API_DETAIL),
    Rule(
        lambda failure: failure.code == NO_ENDPOINT,
        UpstreamError,
        "The host does not serve this: {message} Check that DATABRICKS_HOST is a workspace.",
    ),
    Rule(
        lambda failure: _is_unauthenticated(failure) and failure.context.identity.is_user,
        InvalidUserToken,
        "The workspace does not accept the user's token: {message} Log in again.",
    ),
    Rule(
        _is_unauthenticated,
        UpstreamUnauthenticated,
        "The workspace does not accept the app's credentials: {message} Renew them (such as"
        " DATABRICKS_CLIENT_SECRET or DATABRICKS_TOKEN), and restart the app.",
    ),
    Rule(
        _is_denied_with(NON_API_MESSAGE),
        NotAllowed,
        "Something between the app and the workspace denies access: an IP access list, or a proxy."
        " Check which networks can reach the workspace.",
    ),
    Rule(
        _is_denied_with(MISSING_SCOPE),
        NotAllowed,
        "The workspace denies access: {message} Use a token that has this scope; a token that"
        " Databricks Apps forwards has the scopes of the app's user authorization.",
    ),
    Rule(
        _is_a(sdk.PermissionDenied),
        NotAllowed,
        "The workspace denies access: {message} Grant the identity CAN_MANAGE_RUN on the job (or"
        " CAN_VIEW, to read; CAN_MANAGE, to pause).",
    ),
    Rule(
        _is_a(sdk.TooManyRequests),
        UpstreamThrottled,
        "The workspace has too many requests: {message}",
        retry_after=1.0,
    ),
    Rule(
        lambda failure: failure.is_a(sdk.TemporarilyUnavailable) or failure.code == LOCKED,
        UpstreamUnavailable,
        "The workspace is unavailable: {message}",
        retry_after=1.0,
    ),
    Rule(_is_a(sdk.DeadlineExceeded), UpstreamTimeout, "The workspace timed out: {message}"),
    Rule(
        _is_a(sdk.ResourceConflict, sdk.InvalidState),
        Conflict,
        "The workspace refuses the request in this state: {message}",
    ),
    Rule(
        lambda failure: failure.is_a(sdk.BadRequest) and failure.context.has_params,
        InvalidParameters,
        "The workspace refuses the parameters: {message}",
    ),
    Rule(_is_a(Exception), UpstreamError, "The workspace failed: {message}"),
)

#: The errors for failures without a response that the SDK understands.
OTHER_RULES = (
    Rule(
        _is_a(requests.Timeout, TimeoutError),
        UpstreamTimeout,
        "The workspace did not respond in time.",
    ),
    Rule(
        _is_a(ProxyError, InvalidProxyURL, InvalidSchema),
        UpstreamUnavailable,
        "The proxy in HTTPS_PROXY or HTTP_PROXY does not connect to the workspace. Check its"
        " address and its login, or add the workspace to NO_PROXY.",
    ),
    Rule(
        _is_a(InvalidURL),
        UpstreamError,
        "The address of the workspace or of the proxy is not valid. Set DATABRICKS_HOST to one such"
        " as https://adb-123.4.azuredatabricks.net, and check HTTPS_PROXY.",
    ),
    Rule(
        _is_a(SSLError),
        UpstreamUnavailable,
        "No secure connection to the workspace is possible. If its certificate, or that of a proxy,"
        " is issued by a private CA, set REQUESTS_CA_BUNDLE to the file of the CA's certificate.",
    ),
    Rule(
        lambda failure: lacks_certificates(failure.error),
        UpstreamError,
        "{message} Set REQUESTS_CA_BUNDLE to a file that exists, or unset it.",
    ),
    Rule(
        lambda failure: is_unreachable(failure.error),
        UpstreamUnavailable,
        "The workspace cannot be reached. Check DATABRICKS_HOST and the network.",
    ),
    Rule(
        _is_a(requests.ConnectionError),
        UpstreamUnavailable,
        "The connection to the workspace broke before a response arrived.",
    ),
    Rule(
        _is_a(NonApiResponse, requests.TooManyRedirects),
        UpstreamError,
        NON_API_DETAIL,
        retryable=True,
    ),
    Rule(
        _is_a(ResponseTooLarge, RecursionError),
        UpstreamError,
        "The workspace's response is too large or too deeply nested, so it was not read.",
    ),
    Rule(
        _is_a(RedirectedWrite),
        UpstreamError,
        "The host redirects the request to another address, to which it was not sent. Set"
        " DATABRICKS_HOST to the address of the workspace itself.",
    ),
    Rule(
        _is_a(requests.RequestException, IncompleteResponse),
        UpstreamError,
        "The workspace's response cannot be read.",
    ),
    Rule(
        _is_a(LoginUnavailable),
        UpstreamUnavailable,
        "The app cannot log in to the workspace just now: {message}",
    ),
    Rule(
        _is_a(LoginFailed),
        UpstreamUnauthenticated,
        "The app cannot log in to the workspace: {message} Check DATABRICKS_HOST and the"
        " credentials (DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or DATABRICKS_TOKEN).",
    ),
    Rule(
        _is_a(Exception),
        UpstreamError,
        "The workspace's response is not understood ({type}).",
        retryable=True,  # the next response may be
    ),
)
