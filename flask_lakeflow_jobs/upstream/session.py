"""A requests session for the SDK that resolves its settings once, not for each request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from .failures import (
    LoginFailed,
    LoginUnavailable,
    NonApiResponse,
    RedirectedWrite,
    ResponseTooLarge,
)
from .thread_pool import CallTimeout, has_waiter

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from urllib3 import HTTPConnectionPool

    Query: TypeAlias = Mapping[str, Any] | None

#: Statuses that the Jobs API sends only with JSON. The SDK takes a page with them for its errors.
JSON_STATUSES = frozenset({400, 404, 409})

#: How the SDK's errors for token requests begin, if a later request may succeed. They are codes of
#: OAuth (RFC 6749); ``unknown`` stands for JSON without a code, such as that of a rate limit.
TRANSIENT_LOGIN_ERRORS = ("server_error:", "temporarily_unavailable:", "unknown:")

#: Of a response, decompressed. The largest legitimate ones are outputs, of about 5 MiB.
MAX_RESPONSE_BYTES = 16 * 1024 * 1024

CHUNK_BYTES = 64 * 1024

#: A date has 29.
MAX_RETRY_AFTER_CHARS = 40

#: In JSON: an escaped backslash, the two halves of a character, and half of one.
SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>\\u[dD][89a-fA-F]..)", re.DOTALL
)


class WorkspaceSession(requests.Session):
    """A session for one workspace.

    Its requests share proxies, certificates and connections. These are resolved once, as that takes
    almost as long as the rest of a request. A request is not sent if its caller no longer waits.
    The size of responses is limited.

    :param host: the workspace's, with its scheme.
    :param connections: the maximum number of pooled connections.
    """

    def __init__(self, host: str, connections: int) -> None:
        super().__init__()
        environment = super().merge_environment_settings(host, {}, None, None, None)
        self.proxies = environment["proxies"]
        self.verify = environment["verify"]
        self.cert = environment["cert"]
        self.trust_env = False
        self.mount(f"{host}/", SingleHostAdapter(pool_maxsize=connections))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        prepared.url = _build_url(str(request.url), cast("Query", request.params))
        prepared.prepare_headers({**self.headers, **request.headers})
        prepared.prepare_cookies(self.cookies)
        prepared.prepare_body(request.data, request.files, request.json)
        try:
            prepared.prepare_auth(request.auth or self.auth)
        except (ValueError, NotImplementedError) as error:  # the SDK's, for requests of a token
            raise _classify_login_error(error) from error
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if not has_waiter():
            raise CallTimeout("The caller no longer waits, so the request is not sent.")
        response = super().send(request, **{**kwargs, "stream": True})
        if len(response.headers.get("Retry-After", "")) > MAX_RETRY_AFTER_CHARS:
            del response.headers["Retry-After"]  # the SDK reads numbers that no clock can count
        if not kwargs.get("stream"):
            _read_body(response)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page and response.status_code in JSON_STATUSES:
            raise NonApiResponse(f"A page with status {response.status_code}.")
        return response

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the address of a redirect; called before its body is read and it is followed."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        if resp.request.method != "GET":
            resp.close()
            raise RedirectedWrite(f"A redirect with status {resp.status_code}.")
        _read_body(resp)
        return target

    def merge_environment_settings(
        self, url: object, proxies: object, stream: bool | None, verify: object, cert: object
    ) -> dict[str, Any]:
        return {
            "proxies": self.proxies,
            "stream": bool(stream),
            "verify": self.verify,
            "cert": self.cert,
        }


def _classify_login_error(error: Exception) -> LoginFailed:
    body = error.args[0] if error.args else ""
    is_unreadable = isinstance(error, NotImplementedError | requests.JSONDecodeError)
    if is_unreadable or isinstance(body, bytes):
        return LoginUnavailable("The token endpoint's response cannot be read.")
    is_transient = str(error).startswith(TRANSIENT_LOGIN_ERRORS)
    return LoginUnavailable(str(error)) if is_transient else LoginFailed(str(error))


def _read_body(response: requests.Response) -> None:
    """Read the body of a response.

    :raises ResponseTooLarge: the body is too large.
    """
    body = bytearray()
    for chunk in response.iter_content(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            response.close()
            raise ResponseTooLarge(f"More than {MAX_RESPONSE_BYTES} bytes.")
    response._content = replace_half_characters(bytes(body))


def replace_half_characters(body: bytes) -> bytes:
    r"""Replace escapes such as ``\ud800`` in JSON: they are no character, and cannot be encoded."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return SURROGATES.sub(lambda match: rb"\ufffd" if match["half"] else match[0], body)


class SingleHostAdapter(HTTPAdapter):
    """An adapter for one host, whose connections all have the same settings."""

    _pool: HTTPConnectionPool | None = None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool


def _build_url(url: str, query: Query) -> str:
    present = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{_normalize(url)}?{urlencode(present, doseq=True)}" if present else _normalize(url)


@lru_cache(maxsize=64)
def _normalize(url: str) -> str:
    """Return a URL as requests sends it; the SDK has few, with the ids in the query or body."""
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url or url


def install_session(client: WorkspaceClient, connections: int) -> None:
    """Replace the session of a new client, if the SDK keeps it in the expected place.

    :param connections: the maximum number of pooled connections.
    """
    # The client of older SDKs has it itself.
    sender: Any = getattr(client.api_client, "_api_client", client.api_client)
    existing = getattr(sender, "_session", None)
    if isinstance(existing, requests.Session):
        session = WorkspaceSession(client.config.host, connections)
        session.auth = existing.auth
        sender._session = session
