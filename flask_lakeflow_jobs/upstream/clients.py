"""SDK clients: made at the first call, one per identity, and with the SDK's own retrying off."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from databricks.sdk import WorkspaceClient
from databricks.sdk.clock import Clock as SdkClock
from databricks.sdk.core import Config

from ..concurrency import call_in_forked_children
from .error_mapping import LoginFailed
from .session import install_session

if TYPE_CHECKING:
    from ..clock import Clock
    from ..identity import Identity

MAX_CLIENTS = 128
CLIENT_SECONDS = 3600.0


class WorkspaceAddress(Protocol):
    """Where a local workspace listens, and the token that it wants."""

    @property
    def host(self) -> str: ...

    @property
    def token(self) -> str: ...


class NotRetried(Exception):
    """Raised where the SDK would wait and try again; the failure is its ``__context__``."""


class SingleAttemptClock(SdkClock):
    """The clock that switches the SDK's retrying off: it retries only after a sleep."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        raise NotRetried


class _Slot:
    """One identity's client, made by whoever comes first while the others wait."""

    def __init__(self, expires: float) -> None:
        self.lock = threading.Lock()
        self.expires = expires
        self.address: WorkspaceAddress | None = None
        self.client: WorkspaceClient | None = None


class Clients:
    """The clients of one app.

    :param sdk: arguments of the SDK's ``Config`` that the app's config carries.
    :param local: finds or starts the local workspace; ``None`` where a real one is used.
    :param timeout: seconds between two bytes of an answer after which the SDK gives up.
    :param connections: the most that each keeps.
    :param clock: the time.
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
        self._start_afresh()
        call_in_forked_children(self._start_afresh)  # connections are the parent's

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._address: WorkspaceAddress | None = None

    @property
    def is_local(self) -> bool:
        return self._local is not None

    def client(self, identity: Identity) -> WorkspaceClient:
        """The whole workspace as somebody.

        :param identity: the app or a user.
        """
        slot = self._slot(identity)
        if not slot.lock.acquire(timeout=self._timeout):
            raise TimeoutError("The workspace did not say in time how to log in.")
        try:
            address = self._local_address()
            if slot.client is None or slot.address != address:
                slot.client = self._connect(identity, address)
                slot.address = address
            return slot.client
        finally:
            slot.lock.release()

    def discard_pending(self, identity: Identity) -> None:
        """Say that a call has waited long enough: a client that is still being made is not waited
        for by the next call, since the SDK sleeps as long as discovery's ``Retry-After`` says.

        :param identity: the app or a user.
        """
        with self._lock:
            slot = self._slots.get(identity.key)
            if slot is not None and slot.client is None:
                del self._slots[identity.key]

    def invalidate_address(self) -> None:
        """Say that the workspace could not be reached: a local one is looked for anew."""
        self._address = None

    def _slot(self, identity: Identity) -> _Slot:
        now = self._clock.monotonic()
        with self._lock:
            slot = self._slots.get(identity.key)
            if slot is None or slot.expires <= now:
                slot = self._slots[identity.key] = _Slot(
                    now + CLIENT_SECONDS if identity.is_user else float("inf")
                )
            self._slots.move_to_end(identity.key)
            while len(self._slots) > MAX_CLIENTS:
                self._slots.popitem(last=False)
            return slot

    def _local_address(self) -> WorkspaceAddress | None:
        if self._local is None:
            return None
        if self._address is None:
            self._address = self._local()
        return self._address

    def _connect(self, identity: Identity, address: WorkspaceAddress | None) -> WorkspaceClient:
        arguments: dict[str, Any] = dict(self._sdk)
        if address is not None:
            arguments = {"host": address.host, "token": address.token, "auth_type": "pat"}
            _bypass_proxies()
        if identity.is_user:
            for name in ("client_id", "client_secret"):
                arguments.pop(name, None)
            # Said outright, since the app's own credentials stand in the environment beside it.
            arguments |= {"token": identity.token, "auth_type": "pat"}
        elif "auth_type" not in arguments and (auth_type := _auth_type(arguments)):
            arguments["auth_type"] = auth_type
        try:
            config = Config(
                product="flask-lakeflow-jobs",
                product_version=version("flask-lakeflow-jobs"),
                clock=SingleAttemptClock(self._clock),
                http_timeout_seconds=self._timeout,
                retry_timeout_seconds=1,
                **arguments,
            )
        except ValueError as error:
            raise LoginFailed(str(error)) from error
        client = WorkspaceClient(config=config)
        install_session(client, self._connections)
        return client


def _auth_type(given: Mapping[str, Any]) -> str | None:
    """How to log in by the credentials of the app's config, which others of the environment would
    make ambiguous to the SDK.

    :param given: arguments of the SDK's ``Config``.
    """
    if "token" in given:
        return None if "client_secret" in given else "pat"
    return "oauth-m2m" if "client_secret" in given else None


def _bypass_proxies() -> None:
    """No proxy reaches this machine's loopback."""
    for name in ("no_proxy", "NO_PROXY"):
        hosts = os.environ.get(name, "")
        if hosts and "127.0.0.1" not in hosts:
            os.environ[name] = f"{hosts},127.0.0.1"
    if not any(name in os.environ for name in ("no_proxy", "NO_PROXY")):
        os.environ["no_proxy"] = "127.0.0.1"
