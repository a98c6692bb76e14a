"""Which client a call gets. No workspace is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.upstream.clients import (
    CLIENT_SECONDS,
    MAX_CLIENTS,
    MIN_LOGIN_INTERVAL_SECONDS,
    Clients,
)
from tests.clocks import FakeClock

USER = Identity("token-of-alice")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def addresses() -> list[Any]:
    """The address of the local workspace is the last one."""
    return [SimpleNamespace(host="http://localhost:1", token="t")]


@pytest.fixture
def clients(addresses: list[Any], clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setattr(Clients, "_connect", lambda *_: SimpleNamespace())
    return Clients({}, lambda: addresses[-1], timeout=0.0, connections=1, clock=clock)


def test_user_has_a_client_for_an_hour_and_the_app_for_good(
    clients: Clients, clock: FakeClock
) -> None:
    own, users = clients.get_client(APP), clients.get_client(USER)
    assert own is not users
    clock.sleep(CLIENT_SECONDS - 1)
    assert clients.get_client(USER) is users
    clock.sleep(1)
    assert clients.get_client(USER) is not users
    assert clients.get_client(APP) is own


def test_client_that_was_not_used_for_longest_leaves_first(clients: Clients) -> None:
    users = [Identity(f"token-{number}") for number in range(MAX_CLIENTS)]
    first, second, *_ = map(clients.get_client, users)
    assert clients.get_client(users[0]) is first
    clients.get_client(APP)
    assert clients.get_client(users[0]) is first
    assert clients.get_client(users[1]) is not second


def test_login_is_renewed_once(clients: Clients, clock: FakeClock) -> None:
    client = clients.get_client(APP)
    assert not clients.renew(APP, client)
    clock.sleep(MIN_LOGIN_INTERVAL_SECONDS)
    assert clients.renew(APP, client)
    assert clients.renew(APP, client)
    renewed = clients.get_client(APP)
    clock.sleep(MIN_LOGIN_INTERVAL_SECONDS)
    assert clients.renew(APP, client)
    assert clients.get_client(APP) is renewed is not client


def test_login_of_a_user_is_not_renewed(clients: Clients, clock: FakeClock) -> None:
    client = clients.get_client(USER)
    clock.sleep(MIN_LOGIN_INTERVAL_SECONDS)
    assert not clients.renew(USER, client)
    assert clients.get_client(USER) is client


def test_only_a_client_that_is_still_being_created_is_discarded(clients: Clients) -> None:
    clients.discard_pending(APP)
    client = clients.get_client(APP)
    clients.discard_pending(APP)
    assert clients.get_client(APP) is client
    with clients._get_entry(USER).lock:
        with pytest.raises(TimeoutError):
            clients.get_client(USER)
        clients.discard_pending(USER)
        assert clients.get_client(USER) is not client


def test_local_workspace_at_another_address_has_another_client(
    clients: Clients, addresses: list[Any]
) -> None:
    client = clients.get_client(APP)
    clients.invalidate_address()
    assert clients.get_client(APP) is client
    addresses.append(SimpleNamespace(host="http://localhost:2", token="t"))
    assert clients.get_client(APP) is client
    clients.invalidate_address()
    other = clients.get_client(APP)
    assert clients.get_client(APP) is other is not client
