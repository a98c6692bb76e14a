"""Authorization over HTTP: policies, users and read-only apps."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import abort, request
from flask_login import LoginManager, current_user, login_user

from flask_lakeflow_jobs import ProxyUser, current_jobs, run_triggered
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import RunGate, own_messages

#: Method, path and the action that the policy is asked about.
ROUTES = [
    ("GET", "never", "view"),
    ("POST", "never/run", "run"),
    ("GET", "never/runs", "view"),
    ("GET", "never/runs/1", "view"),
    ("GET", "never/runs/1/actions", "view"),
    ("GET", "never/runs/1/explain", "view"),
    ("GET", "never/runs/1/output", "view"),
    ("GET", "never/runs/1/stream", "view"),
    ("GET", "stream?run=never:1", "view"),
    ("GET", "never/status", "view"),
    ("GET", "never/schedule", "view"),
    ("POST", "never/schedule", "schedule"),
    ("DELETE", "never/runs/1", "cancel"),
]


#: The keys of the app's jobs.
JOBS = [
    "failing",
    "gated",
    "greeting",
    "never",
    "pipeline",
    "quick",
    "repeated",
    "script",
    "single",
]


class RecordingPolicy:
    """A policy that records its calls and always returns or raises the same."""

    def __init__(self, result: object) -> None:
        self._result = result
        self.calls: list[tuple[str, str]] = []

    def __call__(self, user: Any, action: str, job: str) -> bool:
        self.calls.append((action, job))
        if isinstance(self._result, Exception):
            raise self._result
        return bool(self._result)


class TestPolicy:
    @pytest.mark.parametrize(
        ("result", "routes"),
        [
            (False, ROUTES),
            (RuntimeError("broken"), ROUTES[:2]),  # which logs it for each of the jobs
            (None, ROUTES[:1]),
            (0, ROUTES[:1]),
        ],
    )
    def test_denying_or_failing_policy_hides_the_job_without_an_upstream_call(
        self,
        make_app: MakeApp,
        fault_proxy: FaultyWorkspace,
        result: object,
        routes: list[tuple[str, str, str]],
    ) -> None:
        """The response is that to a job that does not exist."""
        policy = RecordingPolicy(result)
        client = make_app(policy=policy).test_client()
        for method, path, action in routes:
            policy.calls.clear()

            response = client.open(f"/api/jobs/{path}", method=method)

            assert (path, response.status_code) == (path, 404)
            assert response.mimetype == "application/problem+json"
            assert "broken" not in response.text
            assert policy.calls[0] == (action, "never")
            assert set(policy.calls[1:]) <= {("view", job) for job in JOBS}
            assert not fault_proxy.requests
            unknown = client.open(f"/api/jobs/{path.replace('never', 'unknown')}", method=method)
            assert unknown.text.replace("'unknown'", "'never'") == response.text
            assert list(unknown.headers.keys()) == list(response.headers.keys())

    @pytest.mark.parametrize("read_only", [True, False])
    @pytest.mark.parametrize(("viewable", "status"), [(True, 403), (False, 404)])
    def test_action_on_a_viewable_job_is_403_and_on_a_hidden_job_404(
        self, make_app: MakeApp, viewable: bool, status: int, read_only: bool
    ) -> None:
        client = make_app(
            policy=lambda user, action, job: action == "view" and viewable,
            LAKEFLOW_JOBS_READ_ONLY=read_only,
        ).test_client()
        for method, path, action in ROUTES:
            if action != "view" or not viewable:
                response = client.open(f"/api/jobs/{path}", method=method)
                assert (path, response.status_code) == (path, status)

    def test_refusal_is_logged_as_the_response_does_not_name_it(
        self, make_app: MakeApp, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = make_app(policy=lambda user, action, job: False).test_client()
        with caplog.at_level("INFO", "flask_lakeflow_jobs.web"):
            client.get("/api/jobs/never")
        (message,) = own_messages(caplog)
        assert message.startswith("Refused to an unknown user: The app's policy does not allow")

    def test_allowing_policy_is_called_once_with_the_action(self, make_app: MakeApp) -> None:
        policy = RecordingPolicy(True)
        client = make_app(policy=policy).test_client()
        for method, path, action in ROUTES:
            policy.calls.clear()

            response = client.open(f"/api/jobs/{path}", method=method)

            assert response.status_code != 403, path
            assert "This app has no job" not in response.text
            assert policy.calls == [(action, "never")]

    def test_policy_may_allow_run_and_deny_cancel(
        self, make_app: MakeApp, run_gate: RunGate
    ) -> None:
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

    def test_python_calls_need_no_policy(self, make_app: MakeApp) -> None:
        with make_app(policy=RecordingPolicy(False)).app_context():
            assert current_jobs["never"].run_now().run_id


#: As the proxy of Databricks Apps forwards a request.
ANNA = {
    "X-Forwarded-User": "4711@7",
    "X-Forwarded-Preferred-Username": "anna",
    "X-Forwarded-Email": "anna@example.com",
}


class UserPolicy:
    """A policy that allows some users everything, and records all users."""

    def __init__(self, *allowed: object) -> None:
        self._allowed = allowed
        self.users: list[Any] = []

    def __call__(self, user: Any, action: str, job: str) -> bool:
        self.users.append(user)
        return user in self._allowed


def demo_user() -> str | None:
    return request.headers.get("X-Demo-User")


def test_user_loader_identifies_the_user(make_app: MakeApp) -> None:
    client = make_app(policy=UserPolicy("anna"), user_loader=demo_user).test_client()

    assert client.post("/api/jobs/never/run", headers={"X-Demo-User": "anna"}).status_code == 200
    assert client.post("/api/jobs/never/run", headers={"X-Demo-User": "bert"}).status_code == 404
    assert client.post("/api/jobs/never/run").status_code == 404


def test_proxy_headers_of_a_trusted_proxy_identify_the_user(make_app: MakeApp) -> None:
    anna = ProxyUser("4711@7", "anna", "anna@example.com")
    policy = UserPolicy(anna)
    client = make_app(policy=policy, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()

    assert client.get("/api/jobs/never", headers=ANNA).status_code == 200
    assert policy.users == [anna]
    assert client.get("/api/jobs/never").status_code == 404
    assert client.get("/api/jobs/never", headers={"X-Forwarded-User": " "}).status_code == 404
    assert set(policy.users) == {anna, None}


@pytest.mark.parametrize("more", [{}, {"LAKEFLOW_JOBS_TRUST_PROXY_HEADERS": False}])
def test_proxy_headers_are_ignored_by_default(make_app: MakeApp, more: dict[str, Any]) -> None:
    policy = UserPolicy()
    client = make_app(policy=policy, **more).test_client()

    assert client.get("/api/jobs/never", headers=ANNA).status_code == 404
    assert set(policy.users) == {None}


def test_proxy_headers_are_ignored_with_a_user_loader(make_app: MakeApp) -> None:
    policy = UserPolicy()
    app = make_app(policy=policy, user_loader=demo_user, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True)
    app.test_client().get("/api/jobs/never", headers=ANNA)
    assert set(policy.users) == {None}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_proxy_headers_are_decoded_as_utf_8_if_they_are(make_app: MakeApp, encoding: str) -> None:
    policy = UserPolicy()
    client = make_app(policy=policy, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()
    wsgi_value = "Jörg Müller".encode(encoding).decode("latin-1")

    client.get("/api/jobs/never", headers={"X-Forwarded-Preferred-Username": wsgi_value})

    assert set(policy.users) == {ProxyUser(name="Jörg Müller")}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Forwarded-Email", "a@example.com, b@evil.example"),
        ("X-Forwarded-Email", "b@evil.example,a@x"),
        ("X-Forwarded-User", "4711@7, 12@7"),
    ],
)
def test_user_with_several_addresses_or_ids_is_403(
    make_app: MakeApp, header: str, value: str
) -> None:
    """A server joins the proxy's header with that of the client, which a policy might believe."""
    policy = UserPolicy()
    client = make_app(policy=policy, LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True).test_client()

    response = client.get("/api/jobs/never", headers={header: value})

    assert response.status_code == 403
    assert "The proxy must replace this header" in response.text
    assert policy.users == []


class LoginUser:
    """A user of Flask-Login."""

    def __init__(self, name: str, *, is_authenticated: bool | None) -> None:
        self._name = name
        self.is_authenticated = is_authenticated

    def get_id(self) -> str:
        return self._name


@pytest.mark.parametrize(
    ("user", "is_known"),
    [
        (LoginUser("7", is_authenticated=True), True),
        (LoginUser("7", is_authenticated=False), False),
        (LoginUser("7", is_authenticated=None), False),
        ("", False),
    ],
)
def test_user_who_is_not_authenticated_is_none(
    make_app: MakeApp, user: object, is_known: bool
) -> None:
    policy = UserPolicy(user)
    client = make_app(policy=policy, user_loader=lambda: user).test_client()

    response = client.get("/api/jobs/never")

    assert (response.status_code == 200) is is_known
    assert set(policy.users) == {user if is_known else None}


def test_failing_user_loader_is_403_and_reveals_nothing(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Any:
        raise LookupError("session 4711 is broken")

    client = make_app(policy=UserPolicy(None), user_loader=fail).test_client()
    for path in ("never/run", "never", "", "openapi.json", "health"):
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            response = client.open(
                f"/api/jobs/{path}", method="POST" if path == "never/run" else "GET"
            )

        assert (path, response.status_code) == (path, 403)
        assert response.mimetype == "application/problem+json"
        assert "4711" not in response.text
        assert "4711" in caplog.text
    assert fault_proxy.find_requests("POST", "run-now") == []


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/jobs/never", "/api/jobs/runs", "/jobs/never"])
def test_failing_user_loader_is_403_without_a_policy(make_app: MakeApp, path: str) -> None:
    """Such as one that calls abort(401) where nobody is logged in."""
    client = make_app(user_loader=lambda: abort(401), LAKEFLOW_JOBS_CONSOLE=True).test_client()
    assert client.get(path).status_code == 403


def test_user_loader_is_called_once_per_request(make_app: MakeApp) -> None:
    calls = []

    def load() -> str:
        calls.append(1)
        return "anna"

    client = make_app(policy=UserPolicy("anna"), user_loader=load).test_client()
    assert client.get("/api/jobs/").status_code == 200
    assert calls == [1]


def allow_keys(*keys: str) -> Any:
    return lambda user, action, job: job in keys


def test_lists_and_errors_name_viewable_jobs_only(make_app: MakeApp) -> None:
    client = make_app(policy=allow_keys("quick", "never")).test_client()

    listed = client.get("/api/jobs/").get_json()["jobs"]
    assert {job["key"] for job in listed} == {"quick", "never"}
    unknown = client.get("/api/jobs/nothing/status")
    assert unknown.status_code == 404
    assert "'never'" in unknown.text
    assert "gated" not in unknown.text


def test_stream_of_several_runs_with_a_hidden_job_is_404(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    client = make_app(policy=allow_keys("never")).test_client()

    response = client.get("/api/jobs/stream?run=never:1&run=quick:1")

    assert response.status_code == 404
    assert not fault_proxy.requests
    run_id = client.post("/api/jobs/never/run").get_json()["runId"]
    with client.get(f"/api/jobs/stream?run=never:{run_id}") as stream:
        assert stream.status_code == 200


class Member(LoginUser):
    """A user who is logged in."""

    is_active = True
    is_anonymous = False

    def __init__(self, name: str) -> None:
        super().__init__(name, is_authenticated=True)


def test_user_loader_may_be_flask_logins_current_user(make_app: MakeApp) -> None:
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
    assert client.post("/api/jobs/never/run").status_code == 404
    client.get("/login/bert")
    assert client.post("/api/jobs/never/run").status_code == 404
    client.get("/login/anna")
    users: list[str] = []
    with run_triggered.connected_to(lambda _, user, **__: users.append(user)):
        assert client.post("/api/jobs/never/run").status_code == 200
    assert users == ["anna"]
