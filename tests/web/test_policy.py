"""Who may do what over HTTP: policies, and requests from other sites."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import RunGate

#: Method, path and the action that the policy is asked about.
ROUTES = [
    ("GET", "never", "view"),
    ("POST", "never/run", "run"),
    ("GET", "never/runs", "view"),
    ("GET", "never/runs/1", "view"),
    ("GET", "never/runs/1/output", "view"),
    ("GET", "never/runs/1/stream", "view"),
    ("GET", "stream?run=never:1", "view"),
    ("GET", "never/status", "view"),
    ("DELETE", "never/runs/1", "cancel"),
]


class Asked:
    """A policy that remembers what it was asked, and answers one thing."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        self.questions: list[tuple[str, str]] = []

    def __call__(self, user: Any, action: str, job: str) -> bool:
        self.questions.append((action, job))
        if isinstance(self._answer, Exception):
            raise self._answer
        return bool(self._answer)


class TestPolicy:
    @pytest.mark.parametrize("answer", [False, None, 0, RuntimeError("broken")], ids=repr)
    @pytest.mark.parametrize(("method", "path", "action"), ROUTES)
    def test_a_no_or_a_failure_is_403_and_nothing_is_asked_upstream(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        answer: object,
        method: str,
        path: str,
        action: str,
    ) -> None:
        policy = Asked(answer)
        client = make_app(policy=policy).test_client()

        response = client.open(f"/api/jobs/{path}", method=method)

        assert response.status_code == 403
        assert response.mimetype == "application/problem+json"
        assert "broken" not in response.text
        assert policy.questions == [(action, "never")]
        assert not fault_proxy.requests

    @pytest.mark.parametrize(("method", "path", "action"), ROUTES)
    def test_a_yes_is_no_obstacle(
        self, make_app: MakeApp, method: str, path: str, action: str
    ) -> None:
        policy = Asked(True)
        client = make_app(policy=policy).test_client()

        response = client.open(f"/api/jobs/{path}", method=method)

        assert response.status_code != 403
        assert policy.questions == [(action, "never")]

    def test_a_failure_is_logged(self, make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
        make_app(policy=Asked(RuntimeError("broken"))).test_client().get("/api/jobs/never/runs")

        assert "broken" in caplog.text

    def test_actions_are_told_apart(self, make_app: MakeApp, run_gate: RunGate) -> None:
        app = make_app(policy=lambda user, action, job: action != "cancel")
        client = app.test_client()
        run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
            "runId"
        ]

        assert client.get(f"/api/jobs/gated/runs/{run_id}").status_code == 200
        assert client.delete(f"/api/jobs/gated/runs/{run_id}").status_code == 403

        run_gate.open()
        with app.app_context():
            assert current_jobs["gated"].wait(run_id).outcome == "succeeded"

    def test_a_jobs_own_policy_is_asked_instead(self, make_app: MakeApp) -> None:
        everywhere, own = Asked(False), Asked(True)
        jobs = {"mine": {"of": "never", "task_type": "job", "policy": own}}
        client = make_app(jobs=jobs, policy=everywhere).test_client()

        assert client.post("/api/jobs/mine/run").status_code == 200
        assert client.post("/api/jobs/never/run").status_code == 403
        assert own.questions == [("run", "mine")]
        assert everywhere.questions == [("run", "never")]

    def test_the_list_shows_what_may_be_seen_only(self, make_app: MakeApp) -> None:
        client = make_app(policy=lambda user, action, job: job == "quick").test_client()

        listed = client.get("/api/jobs/").get_json()["jobs"]

        assert [job["key"] for job in listed] == ["quick"]

    def test_a_stream_of_several_runs_needs_every_one_of_them(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        client = make_app(policy=lambda user, action, job: job == "quick").test_client()

        response = client.get("/api/jobs/stream?run=quick:1&run=never:1")

        assert response.status_code == 403
        assert not fault_proxy.requests

    def test_pythons_own_calls_are_not_asked_about(self, make_app: MakeApp) -> None:
        with make_app(policy=Asked(False)).app_context():
            assert current_jobs["never"].run_now().run_id


class TestOtherSites:
    """What a page of another site can make a browser send starts and stops nothing (B18)."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
            {"Origin": "https://evil.example"},
            {"Origin": "http://localhost:8000"},
            {"Origin": "null"},
        ],
        ids=repr,
    )
    @pytest.mark.parametrize(
        ("method", "path"), [("POST", "run"), ("DELETE", "runs/1"), ("POST", "run?stream=true")]
    )
    def test_a_change_from_one_is_refused(
        self,
        client: FlaskClient,
        fault_proxy: FaultyWorkspace,
        headers: dict[str, str],
        method: str,
        path: str,
    ) -> None:
        response = client.open(f"/api/jobs/never/{path}", method=method, headers=headers)

        assert response.status_code == 403
        assert not fault_proxy.requests

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "http://localhost"},
            {"Origin": "https://app.example", "X-Forwarded-Host": "app.example"},
        ],
        ids=repr,
    )
    def test_a_change_from_the_app_itself_or_no_browser_is_not(
        self, client: FlaskClient, headers: dict[str, str]
    ) -> None:
        assert client.post("/api/jobs/never/run", headers=headers).status_code == 200

    def test_looking_is_free(self, client: FlaskClient) -> None:
        response = client.get("/api/jobs/never/status", headers={"Sec-Fetch-Site": "cross-site"})

        assert response.status_code == 200

    def test_the_hosts_own_routes_are_not_touched(self, app: Flask) -> None:
        @app.post("/page")
        def page() -> str:
            return "posted"

        response = app.test_client().post("/page", headers={"Sec-Fetch-Site": "cross-site"})

        assert response.text == "posted"
