"""Cards: the time that a page waits for them, and the identity that reads them."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace
from tests.console.conftest import MakeShop
from tests.console.support import shop_app, text_of
from tests.support import on_behalf_of


def test_cards_of_a_workspace_that_hangs_are_late_when_the_server_would_kill_the_request(
    shop: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the thread of the request finds the limit of its server."""
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path, config={"LAKEFLOW_JOBS_READ_ATTEMPTS": 1})
        resources = app.extensions["lakeflow_jobs"].upstream.call_resources
        served_by = threading.current_thread()
        monkeypatch.setattr(
            resources,
            "get_max_timeout",
            lambda: 0.0 if threading.current_thread() is served_by else math.inf,
        )
        fault_proxy.fail(Exchange.hang)
        page = app.test_client().get("/jobs/?view=cards")
    assert page.status_code == 200
    cards = page.text.count("<article")
    assert cards > 1
    assert text_of(page.text).count("did not respond within 0 seconds") == cards


def test_card_of_a_job_that_runs_as_its_users_is_read_as_the_user(
    make_shop: MakeShop, shop: Address
) -> None:
    client = make_shop(jobs={"hourly": {"run_as": "user"}}).test_client()
    for headers, is_read in ({}, False), (on_behalf_of(shop.token), True):
        page = text_of(client.get("/jobs/?view=cards", headers=headers).text)
        assert ("hourly Fetches new orders. This request has no user token" in page) is not is_read
        assert "broken Broken boats" in page, "it does not hide the others"
