"""Who asks: users, what they may, and where it is noted who asked for what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from flask_login import LoginManager, current_user, login_user

from flask_lakeflow_jobs import (
    ConfigurationError,
    InvalidParameters,
    ProxyUser,
    current_jobs,
    run_canceled,
    run_triggered,
)
from flask_lakeflow_jobs.identity import add_requester, display_name
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import RunGate

#: As the proxy of Databricks Apps forwards a request.
ANNA = {
    "X-Forwarded-User": "4711@7",
    "X-Forwarded-Preferred-Username": "anna",
    "X-Forwarded-Email": "anna@example.com",
}


class Policy:
    """Lets some users do everything, and remembers who was asked about."""

    def __init__(self, *allowed: object) -> None:
        self._allowed = allowed
        self.users: list[Any] = []

    def __call__(self, user: Any, action: str, job: str) -> bool:
        self.users.append(user)
        return user in self._allowed


def demo_user() -> str | None:
    return request.headers.get("X-Demo-User")


# ── who it is ─────────────────────────────────────────────────────────────────────────────────────


def test_the_hosts_loader_says_who_asks(make_app: MakeApp) -> None:
    client = make_app(policy=Policy("anna"), user_loader=demo_user).test_client()

    assert client.post("/api/jobs/never/run", headers={"X-Demo-User": "anna"}).status_code == 200
    assert client.post("/api/jobs/never/run", headers={"X-Demo-User": "bert"}).status_code == 403
    assert client.post("/api/jobs/never/run").status_code == 403


def test_forwarded_headers_are_believed_where_the_app_says_so(make_app: MakeApp) -> None:
    anna = ProxyUser("4711@7", "anna", "anna@example.com")
    policy = Policy(anna)
    client = make_app(policy=policy, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()

    assert client.get("/api/jobs/never", headers=ANNA).status_code == 200
    assert policy.users == [anna]
    assert client.get("/api/jobs/never").status_code == 403
    assert policy.users == [anna, None]


@pytest.mark.parametrize("more", [{}, {"LAKEFLOW_JOBS_TRUST_PROXY_HEADERS": False}])
def test_and_nowhere_else(make_app: MakeApp, more: dict[str, Any]) -> None:
    policy = Policy()
    client = make_app(policy=policy, **more).test_client()

    assert client.get("/api/jobs/never", headers=ANNA).status_code == 403
    assert policy.users == [None]


def test_with_a_loader_headers_are_not_believed_even_behind_the_proxy(make_app: MakeApp) -> None:
    policy = Policy()
    app = make_app(policy=policy, user_loader=demo_user, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True)
    app.test_client().get("/api/jobs/never", headers=ANNA)
    assert policy.users == [None]


def test_a_name_in_utf_8_arrives_whole(make_app: MakeApp) -> None:
    policy = Policy()
    client = make_app(policy=policy, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()
    as_wsgi_has_it = "Jörg Müller".encode().decode("latin-1")

    client.get("/api/jobs/never", headers={"X-Forwarded-Preferred-Username": as_wsgi_has_it})

    assert policy.users == [ProxyUser(name="Jörg Müller")]


class LoginUser:
    """As Flask-Login has users, and nobody."""

    def __init__(self, name: str, *, is_authenticated: bool) -> None:
        self._name = name
        self.is_authenticated = is_authenticated

    def get_id(self) -> str:
        return self._name


@pytest.mark.parametrize("is_authenticated", [True, False])
def test_whoever_is_not_logged_in_is_nobody(make_app: MakeApp, is_authenticated: bool) -> None:
    user = LoginUser("7", is_authenticated=is_authenticated)
    policy = Policy(user)
    client = make_app(policy=policy, user_loader=lambda: user).test_client()

    response = client.get("/api/jobs/never")

    assert (response.status_code == 200) is is_authenticated
    assert policy.users == [user if is_authenticated else None]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "never/run"), ("GET", "never"), ("GET", ""), ("GET", "openapi.json")],
)
def test_a_loader_that_fails_denies_and_tells_nothing(
    make_app: MakeApp,
    fault_proxy: FaultyWorkspace,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
) -> None:
    def fail() -> Any:
        raise LookupError("session 4711 is broken")

    client = make_app(policy=Policy(None), user_loader=fail).test_client()
    with caplog.at_level(logging.ERROR):
        response = client.open(f"/api/jobs/{path}", method=method)

    assert response.status_code == 403
    assert response.mimetype == "application/problem+json"
    assert "4711" not in response.text
    assert "4711" in caplog.text
    assert fault_proxy.find_requests("POST", "run-now") == []


def test_a_request_asks_for_its_user_once(make_app: MakeApp) -> None:
    calls = []

    def load() -> str:
        calls.append(1)
        return "anna"

    client = make_app(policy=Policy("anna"), user_loader=load).test_client()
    assert client.get("/api/jobs/").status_code == 200
    assert calls == [1]


# ── what they may ─────────────────────────────────────────────────────────────────────────────────


def sees_only(*keys: str) -> Any:
    return lambda user, action, job: job in keys


def test_lists_and_refusals_name_only_what_may_be_viewed(make_app: MakeApp) -> None:
    client = make_app(policy=sees_only("quick", "never")).test_client()

    listed = client.get("/api/jobs/").get_json()["jobs"]
    assert {job["key"] for job in listed} == {"quick", "never"}
    unknown = client.get("/api/jobs/nothing/status")
    assert unknown.status_code == 404
    assert "'never'" in unknown.text
    assert "gated" not in unknown.text


def test_a_stream_of_several_runs_is_denied_if_one_of_the_jobs_is(make_app: MakeApp) -> None:
    client = make_app(policy=sees_only("never")).test_client()
    run_id = _triggered(client, "never")

    assert client.get(f"/api/jobs/stream?run=never:{run_id}").status_code == 200
    response = client.get(f"/api/jobs/stream?run=never:{run_id}&run=quick:{run_id}")
    assert response.status_code == 403


def _triggered(client: FlaskClient, key: str) -> int:
    return int(client.post(f"/api/jobs/{key}/run").get_json()["runId"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "never/run"), ("DELETE", "never/runs/1"), ("POST", "never/runs/1/repair")],
)
def test_a_read_only_app_changes_nothing_over_http(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, method: str, path: str
) -> None:
    client = make_app(LAKEFLOW_JOBS_READ_ONLY=True).test_client()

    response = client.open(f"/api/jobs/{path}", method=method)

    assert response.status_code == 403
    assert "read-only" in response.get_json()["detail"]
    assert fault_proxy.requests == []
    assert client.get("/api/jobs/never").status_code == 200
    assert client.get("/api/jobs/never/runs").status_code == 200


def test_the_operators_command_line_is_not_read_only(make_app: MakeApp) -> None:
    runner = make_app(LAKEFLOW_JOBS_READ_ONLY=True).test_cli_runner()
    assert runner.invoke(args=["jobs", "run", "never", "--no-wait"]).exit_code == 0


# ── who asked for what ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str | None]]]:
    """The users that signals name."""
    users: list[tuple[str, str | None]] = []

    def triggered(_: Flask, user: str | None, **__: Any) -> None:
        users.append(("run", user))

    def canceled(_: Flask, user: str | None, **__: Any) -> None:
        users.append(("cancel", user))

    with run_triggered.connected_to(triggered), run_canceled.connected_to(canceled):
        yield users


def test_signals_and_the_log_say_who_asked_and_no_parameters(
    make_app: MakeApp,
    run_gate: RunGate,
    heard: list[tuple[str, str | None]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make_app(LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.audit"):
        answer = client.post("/api/jobs/gated/run", headers=ANNA, json={"params": run_gate.params})
        run_id = answer.get_json()["runId"]
        client.delete(f"/api/jobs/gated/runs/{run_id}", headers=ANNA)

    assert heard == [("run", "anna@example.com"), ("cancel", "anna@example.com")]
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "flask_lakeflow_jobs.audit"
    ]
    assert lines == [
        f"Job gated, run {run_id}: triggered, requested by 'anna@example.com'.",
        f"Job gated, run {run_id}: canceled, requested by 'anna@example.com'.",
    ]


def test_a_repetition_is_noted_as_one(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    client = make_app(user_loader=lambda: "anna\nINFO: forged").test_client()
    headers = {"Idempotency-Key": "once"}
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs.audit"):
        first, again = (client.post("/api/jobs/never/run", headers=headers) for _ in range(2))
    assert first.get_json() == again.get_json()
    assert [
        record.getMessage().partition(": ")[2]
        for record in caplog.records
        if record.name == "flask_lakeflow_jobs.audit"
    ] == [
        "triggered, requested by 'anna INFO: forged'.",
        "replayed, requested by 'anna INFO: forged'.",
    ]


def test_one_users_key_is_not_anothers(make_app: MakeApp) -> None:
    client = make_app(user_loader=demo_user).test_client()

    def run(user: str) -> int:
        headers = {"Idempotency-Key": "my-key", "X-Demo-User": user}
        return int(client.post("/api/jobs/never/run", headers=headers).get_json()["runId"])

    assert run("anna") == run("anna")
    assert run("anna") != run("bert")


def test_in_python_the_caller_says_who_asked(
    app: Flask, heard: list[tuple[str, str | None]]
) -> None:
    with app.app_context():
        current_jobs["never"].run_now(requested_by="nightly import")
        current_jobs["never"].run_now()
    assert heard == [("run", "nightly import"), ("run", None)]


@pytest.mark.parametrize("key", ["never", "greeting"])
def test_a_job_learns_who_asked(make_app: MakeApp, fault_proxy: FaultyWorkspace, key: str) -> None:
    app = make_app(
        LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True, LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER="triggered_by"
    )
    params = {"who": "world"} if key == "greeting" else {}
    client = app.test_client()
    client.post(f"/api/jobs/{key}/run", headers=ANNA, json={"params": params})
    (sent,) = fault_proxy.find_requests("POST", "run-now")
    assert sent.body["job_parameters"] == {**params, "triggered_by": "anna@example.com"}


def test_nobody_can_pretend_to_be_who_asked(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(
        LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True, LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER="triggered_by"
    )
    for headers in (ANNA, {}):
        response = app.test_client().post(
            "/api/jobs/never/run", headers=headers, json={"params": {"triggered_by": "boss"}}
        )
        assert response.status_code == 400
        assert "triggered_by" in response.get_json()["errors"]
    assert fault_proxy.find_requests("POST", "run-now") == []


def test_who_asked_is_never_lost_where_it_has_no_place(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    app = make_app(user_loader=lambda: "anna", LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER="triggered_by")
    response = app.test_client().post("/api/jobs/script/run", json={"params": {"args": ["a"]}})
    assert response.status_code == 500
    detail = response.get_json()["detail"]
    assert "LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER" in detail
    assert "python_params" in detail
    assert fault_proxy.find_requests("POST", "run-now") == []


@pytest.mark.parametrize("value", ["two words", "", 7, "a/b"])
def test_the_parameters_name_is_one(make_app: MakeApp, value: Any) -> None:
    if value == "":
        make_app(LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER=value)
        return
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER"):
        make_app(LAKEFLOW_JOBS_ATTRIBUTION_PARAMETER=value)


# ── pure ──────────────────────────────────────────────────────────────────────────────────────────


class Person:
    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("anna", "anna"),
        ("anna\r\nX: y\x00\x1b[31m", "anna X: y [31m"),
        ("a" * 1000, "a" * 255),
        (ProxyUser("1", "anna", "anna@example.com"), "anna@example.com"),
        (ProxyUser("1", "anna"), "anna"),
        (ProxyUser("1"), "1"),
        (Person(id=7), "7"),
        (Person(name="Anna", id=7), "Anna"),
        (Person(username="anna", email=None), "anna"),
        (Person(name=print), None),
        (LoginUser("7", is_authenticated=True), "7"),
        (object(), None),
        ({"email": "anna@example.com"}, "anna@example.com"),
    ],
)
def test_any_user_has_a_plain_name_or_none(user: Any, name: str | None) -> None:
    assert display_name(user) == name


@pytest.mark.parametrize(
    "fields", [{}, {"job_parameters": {"day": "1"}}, {"sql_params": {"a": "1"}}]
)
def test_without_the_setting_or_a_user_nothing_is_added(fields: dict[str, Any]) -> None:
    assert add_requester(fields, None, "anna", job="etl") == fields
    assert add_requester(fields, "by", None, job="etl") == fields


def test_the_parameter_is_added_beside_others() -> None:
    fields = {"job_parameters": {"day": "1"}}
    assert add_requester(fields, "by", "anna", job="etl") == {
        "job_parameters": {"day": "1", "by": "anna"}
    }
    assert fields == {"job_parameters": {"day": "1"}}
    with pytest.raises(InvalidParameters):
        add_requester({"job_parameters": {"by": "1"}}, "by", "anna", job="etl")
    with pytest.raises(ConfigurationError, match="'etl'"):
        add_requester({"notebook_params": {"a": "1"}}, "by", "anna", job="etl")


# ── with Flask-Login ──────────────────────────────────────────────────────────────────────────────


class Member(LoginUser):
    """As Flask-Login needs one."""

    is_active = True
    is_anonymous = False

    def __init__(self, name: str) -> None:
        super().__init__(name, is_authenticated=True)


def test_flask_logins_current_user_fits(
    make_app: MakeApp, heard: list[tuple[str, str | None]]
) -> None:
    app = make_app(
        policy=lambda user, action, job: user is not None and user.get_id() == "anna",
        user_loader=lambda: current_user,
        SECRET_KEY="for tests",
    )
    manager = LoginManager(app)
    manager.user_loader(Member)

    @app.get("/login/<name>")
    def login(name: str) -> str:
        login_user(Member(name))
        return name

    client = app.test_client()
    assert client.post("/api/jobs/never/run").status_code == 403
    client.get("/login/bert")
    assert client.post("/api/jobs/never/run").status_code == 403
    client.get("/login/anna")
    assert client.post("/api/jobs/never/run").status_code == 200
    assert heard == [("run", "anna")]
