"""The helper for tasks sends reports over real HTTP, and never disturbs the task."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, Response, redirect, request

from flask_lakeflow_jobs.web.assets import FILES, STATIC_FOLDER
from tests.support import LiveServer

TOKEN = "lfjp_token"


@pytest.fixture
def helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "progress", STATIC_FOLDER / FILES["progress_helper"]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Receiver:
    """An app that records the reports that it receives."""

    def __init__(self) -> None:
        self.response: Any = Response(status=204)
        self.reports: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.app = Flask("receiver")
        self.app.add_url_rule("/run/progress", "take", self._take, methods=["POST"])
        self.app.add_url_rule("/login", "login", lambda: "Log in.", methods=["GET", "POST"])

    def _take(self) -> Any:
        self.reports.append((request.get_json(), dict(request.headers)))
        return self.response


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    with LiveServer(receiver.app) as server:
        yield f"{server.url}/run"


def test_helper_sends_the_report_with_its_token(
    helper: ModuleType, receiver: Receiver, url: str
) -> None:
    report = helper.Progress(url + "/", TOKEN, task="load", interval=0)
    assert report(40, "4 of 10")
    assert report(250, "x" * 1500, task="other")
    [(first, headers), (second, _)] = receiver.reports
    assert first == {"percent": 40, "message": "4 of 10", "task": "load"}
    assert second == {"percent": 100, "message": "x" * 1000, "task": "other"}
    assert headers["Lakeflow-Progress-Token"] == TOKEN
    assert "Authorization" not in headers


@pytest.mark.parametrize("bearer", ["oauth", lambda: "oauth"], ids=["text", "function"])
def test_helper_sends_the_login_for_a_proxy(
    helper: ModuleType, receiver: Receiver, url: str, bearer: Any
) -> None:
    assert helper.Progress(url, TOKEN, bearer=bearer)(1)
    [(_, headers)] = receiver.reports
    assert headers["Authorization"] == "Bearer oauth"


def test_helper_without_a_token_sends_nothing(
    helper: ModuleType, receiver: Receiver, url: str
) -> None:
    assert helper.Progress(url, "")(100) is False
    assert receiver.reports == []


def test_helper_skips_reports_in_between_but_not_the_last(
    helper: ModuleType, receiver: Receiver, url: str
) -> None:
    report = helper.Progress(url, TOKEN, interval=3600)
    assert [report(percent) for percent in (1, 2, 100)] == [True, False, True]
    assert [body["percent"] for body, _ in receiver.reports] == [1, 100]


def test_helper_follows_no_redirect_to_a_login(
    helper: ModuleType, receiver: Receiver, url: str
) -> None:
    with receiver.app.test_request_context():
        receiver.response = redirect("/login")
    assert helper.Progress(url, TOKEN)(1) is False
    assert len(receiver.reports) == 1


@pytest.mark.parametrize("status", [200, 403, 500])
def test_helper_pauses_after_a_failure_and_does_not_raise(
    helper: ModuleType, receiver: Receiver, url: str, status: int
) -> None:
    receiver.response = Response("refused", status)
    report = helper.Progress(url, TOKEN)
    assert [report(percent) for percent in (1, 2, 3)] == [False, False, False]
    assert len(receiver.reports) == 1


@pytest.mark.parametrize("percent", ["x", None, 5])
def test_helper_raises_only_if_asked_to(helper: ModuleType, percent: Any) -> None:
    nowhere = "http://127.0.0.1:9/run"  # the port of "discard": nothing listens
    assert helper.Progress(nowhere, TOKEN, timeout=1)(percent) is False
    report = helper.Progress(nowhere, TOKEN, timeout=1, raises=True)
    with pytest.raises((OSError, TypeError)):
        report(percent)
