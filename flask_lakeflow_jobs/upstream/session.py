"""What the SDK sends its requests with: requests' own session, less what it would settle anew for
each of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from .error_mapping import LoginFailed, NonApiResponse
from .thread_pool import CallTimeout, has_waiter

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from urllib3 import HTTPConnectionPool

    Query: TypeAlias = Mapping[str, Any] | None


#: What the Jobs API says of a request only in JSON, and the SDK would take a page for.
PAGE_STATUSES = frozenset({400, 404, 409})


class WorkspaceSession(requests.Session):
    """The session of a client, which knows one workspace only.

    Proxies, certificates and connections are the same for all its requests, and are looked up once.
    To do that for each request takes almost as long as all else of it. None is sent that nobody
    waits for any more.

    :param host: of the workspace, with its scheme.
    :param connections: the most that are kept.
    """

    def __init__(self, host: str, connections: int) -> None:
        super().__init__()
        found = super().merge_environment_settings(host, {}, None, None, None)
        self.proxies, self.verify, self.cert = found["proxies"], found["verify"], found["cert"]
        self.trust_env = False
        self.mount(f"{host}/", SingleHostAdapter(pool_maxsize=connections))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        prepared.url = _url(str(request.url), cast("Query", request.params))
        prepared.prepare_headers({**self.headers, **request.headers})
        prepared.prepare_cookies(self.cookies)
        prepared.prepare_body(request.data, request.files, request.json)
        try:
            prepared.prepare_auth(request.auth or self.auth)
        except ValueError as error:  # so the SDK says that a token is refused
            raise LoginFailed(str(error)) from error
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if not has_waiter():
            raise CallTimeout("Nobody waits for it any more, so it is not asked.")
        response = super().send(request, **kwargs)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page and response.status_code in PAGE_STATUSES:
            raise NonApiResponse(f"A page with status {response.status_code}.")
        return response

    def merge_environment_settings(
        self, url: object, proxies: object, stream: bool | None, verify: object, cert: object
    ) -> dict[str, Any]:
        return {
            "proxies": self.proxies,
            "stream": bool(stream),
            "verify": self.verify,
            "cert": self.cert,
        }


class SingleHostAdapter(HTTPAdapter):
    """The connections to a host, which all have the same settings."""

    _pool: HTTPConnectionPool | None = None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool


def _url(url: str, query: Query) -> str:
    said = {name: value for name, value in query.items() if value is not None} if query else {}
    return f"{_normal(url)}?{urlencode(said, doseq=True)}" if said else _normal(url)


@lru_cache(maxsize=64)
def _normal(url: str) -> str:
    """A URL as it is sent; the SDK's are few, since ids stand in the query or the body."""
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return prepared.url or url


def install_session(client: WorkspaceClient, connections: int) -> None:
    """Give a client the session of its workspace, if its SDK has one where all up to now have it.

    :param client: a new one.
    :param connections: the most that it keeps.
    """
    sender: Any = getattr(client.api_client, "_api_client", None)
    given = getattr(sender, "_session", None)
    if isinstance(given, requests.Session):
        session = WorkspaceSession(client.config.host, connections)
        session.auth = given.auth
        sender._session = session
