"""SDK clients: one per identity, created at its first call, without the SDK's own retries."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.clock import Clock as SdkClock
from databricks.sdk.core import Config

from ..concurrency import run_in_each_process
from ..text import is_loopback
from ..version import find_version
from .failures import LoginFailed, NoTokenEndpoint, is_retryable
from .session import install_session

if TYPE_CHECKING:
    from ..clock import Clock
    from ..identity import Identity

MAX_CLIENTS = 128

#: How soon after a login of the app another one may follow.
MIN_LOGIN_INTERVAL_SECONDS = 30.0

#: How long a user's client is kept.
CLIENT_SECONDS = 3600.0


class WorkspaceAddress(Protocol):
    """The URL and the token of the local workspace."""

    @property
    def host(self) -> str: ...

    @property
    def token(self) -> str: ...


class NotRetried(Exception):
    """Raised where the SDK would sleep and retry."""

    @property
    def failure(self) -> Exception:
        """The error that the SDK would retry."""
        return self.__context__ if isinstance(self.__context__, Exception) else self


class SingleAttemptClock(SdkClock):
    """A clock that disables the SDK's retries: it retries only after a sleep."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        raise NotRetried


class _Entry:
    """The client of one identity. One thread creates it while the others wait for the lock."""

    def __init__(self, created: float, expires: float) -> None:
        self.lock = threading.Lock()
        self.created = created
        self.expires = expires
        self.address: WorkspaceAddress | None = None
        self.client: WorkspaceClient | None = None


class Clients:
    """The clients of one app.

    :param sdk: arguments of the SDK's ``Config`` from the app's config.
    :param local: finds or starts the local workspace; ``None`` if the app uses a real one.
    :param timeout: seconds between two bytes of a response after which the SDK gives up.
    :param connections: the maximum per client.
    """

    def __init__(
        self,
        sdk: Mapping[str, str],
        local: Callable[[], WorkspaceAddress] | None,
        *,
        timeout: float,
        connections: int,
        clock: Clock,
    ) -> None:
        self._sdk = sdk
        self._local = local
        self._timeout = timeout
        self._connections = connections
        self._clock = clock
        run_in_each_process(self._reset)  # the connections are the parent's

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._address: WorkspaceAddress | None = None

    def get_client(self, identity: Identity) -> WorkspaceClient:
        """Return the identity's client; create it if there is none."""
        entry = self._get_entry(identity)
        if not entry.lock.acquire(timeout=self._timeout):
            raise TimeoutError("The login to the workspace did not end in time.")
        try:
            address = self._get_local_address()
            if entry.client is None or entry.address != address:
                entry.client = self._connect(identity, address)
                entry.address = address
            return entry.client
        finally:
            entry.lock.release()

    def discard(self, identity: Identity) -> None:
        """Discard the client of an identity, to leave its place to others."""
        with self._lock:
            self._entries.pop(identity.key, None)

    def renew(self, identity: Identity, client: WorkspaceClient | None) -> bool:
        """Discard a client whose login the workspace refuses, so that the next call logs in again.

        A token may be revoked before it expires, and a profile may have a new one.

        :return: whether the next call may be accepted. A user's token stays the same, and a login
            that was made just now is not repeated.
        """
        if identity.is_user:
            return False
        with self._lock:
            entry = self._entries.get(identity.key)
            if entry is None or entry.client is not client:
                return True  # another call has done it
            if self._clock.monotonic() < entry.created + MIN_LOGIN_INTERVAL_SECONDS:
                return False
            del self._entries[identity.key]
            return True

    def discard_pending(self, identity: Identity) -> None:
        """Discard a client that is still being created, so that the next call creates another.

        The SDK sleeps as long as the ``Retry-After`` of its discovery request says.
        """
        with self._lock:
            entry = self._entries.get(identity.key)
            if entry is not None and entry.client is None:
                del self._entries[identity.key]

    def invalidate_address(self) -> None:
        """Find or start the local workspace again, because it could not be reached."""
        self._address = None

    def _get_entry(self, identity: Identity) -> _Entry:
        now = self._clock.monotonic()
        with self._lock:
            entry = self._entries.get(identity.key)
            if entry is None or entry.expires <= now:
                expires = now + CLIENT_SECONDS if identity.is_user else float("inf")
                entry = self._entries[identity.key] = _Entry(now, expires)
            self._entries.move_to_end(identity.key)
            while len(self._entries) > MAX_CLIENTS:
                self._entries.popitem(last=False)
            return entry

    def _get_local_address(self) -> WorkspaceAddress | None:
        if self._local is None:
            return None
        if self._address is None:
            self._address = self._local()
        return self._address

    def _connect(self, identity: Identity, address: WorkspaceAddress | None) -> WorkspaceClient:
        arguments: dict[str, Any] = dict(self._sdk)
        if address is not None:
            arguments = {"host": address.host, "token": address.token, "auth_type": "pat"}
        if identity.is_user:
            for name in ("client_id", "client_secret"):
                arguments.pop(name, None)
            # Name the auth type, because the app's own credentials may be in the environment.
            arguments |= {"token": identity.token, "auth_type": "pat"}
        elif "auth_type" not in arguments and (auth_type := _choose_auth_type(arguments)):
            arguments["auth_type"] = auth_type
        try:
            _bypass_proxies(arguments.get("host") or os.environ.get("DATABRICKS_HOST", ""))
            config = Config(
                product="flask-lakeflow-jobs",
                product_version=find_version(),
                clock=SingleAttemptClock(self._clock),
                http_timeout_seconds=self._timeout,
                retry_timeout_seconds=1,
                **arguments,
            )
        except ValueError as error:
            if is_request_failure(error):
                raise NoTokenEndpoint(
                    "It does not name the endpoint of its tokens. Check that DATABRICKS_HOST is a"
                    " workspace, that this machine can reach it, and that its certificate is"
                    " trusted (REQUESTS_CA_BUNDLE)."
                ) from error
            raise LoginFailed(f"{name_missing(arguments, os.environ)}{error}") from error
        token = (config.auth_type == "pat" and config.token) or ""
        if not (identity.is_user or (token.isascii() and token.isprintable())):
            raise LoginFailed(
                "The token has a character that no request can carry, such as a line break or a"
                " curly quote."
            )
        client = WorkspaceClient(config=config)
        install_session(client, self._connections)
        return client


def _choose_auth_type(arguments: Mapping[str, Any]) -> str | None:
    """Return the auth type of the app's config.

    Without it, the SDK refuses credentials of another type in the environment as ambiguous.
    """
    if "token" in arguments:
        return None if "client_secret" in arguments else "pat"
    return "oauth-m2m" if "client_secret" in arguments else None


def name_missing(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return a sentence that names what a login lacks; empty if nothing obvious is missing.

    :param arguments: of the SDK's ``Config``, which reads the others from the environment.
    """

    def is_set(name: str) -> bool:
        return bool(arguments.get(name) or environ.get(f"DATABRICKS_{name.upper()}"))

    if is_set("profile") or is_set("config_profile"):
        return ""
    if not is_set("host"):
        return "DATABRICKS_HOST is not set. "
    if not (is_set("token") or is_set("client_secret")):
        return "Neither DATABRICKS_TOKEN nor DATABRICKS_CLIENT_SECRET is set. "
    return ""


def is_request_failure(error: BaseException | None) -> bool:
    """Return whether an error of the SDK's ``Config`` comes from a request that failed.

    Newer SDKs ignore that the workspace does not name its endpoints, and then fail to request the
    URL ``None``.
    """
    while error is not None:
        if isinstance(error, requests.RequestException) or is_retryable(error):
            return True
        error = error.__cause__
    return False


def _bypass_proxies(url: str) -> None:
    """Connect to this machine directly: no proxy reaches its loopback interface."""
    if not is_loopback(url):
        return
    host = urlsplit(url).hostname or ""
    for name in ("no_proxy", "NO_PROXY"):
        hosts = os.environ.get(name, "")
        if hosts and hosts != "*" and host not in map(str.strip, hosts.split(",")):
            os.environ[name] = f"{hosts},{host}"
    if not any(name in os.environ for name in ("no_proxy", "NO_PROXY")):
        os.environ["no_proxy"] = host
