"""Logins, forms, sessions and security headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, request, session
from werkzeug.wrappers import Response

from tests.conftest import MakeApp
from tests.hosts.support import import_package

OWN_PAGE = {"Origin": "http://localhost"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(LAKEFLOW_JOBS_CONSOLE=True, SECRET_KEY="of the host")


def test_flask_login_guards_the_routes_and_the_console(app: Flask) -> None:
    flask_login = import_package("flask_login")
    login_manager = flask_login.LoginManager(app)
    user = type("User", (flask_login.UserMixin,), {"id": "ann"})()
    login_manager.user_loader(lambda _: user)
    app.add_url_rule("/login", "login", lambda: str(flask_login.login_user(user)))

    @app.before_request
    def require_login() -> Response | None:
        guarded = request.blueprint in ("lakeflow_jobs", "lakeflow_console")
        if guarded and not flask_login.current_user.is_authenticated:
            refusal: Response = login_manager.unauthorized()
            return refusal
        return None

    client = app.test_client()
    paths = ["/api/jobs/", "/jobs/"]
    refused = [client.get(path) for path in paths]
    assert [response.status_code for response in refused] == [401, 401]
    assert [response.mimetype for response in refused] == ["application/problem+json", "text/html"]
    client.get("/login")
    assert [client.get(path).status_code for path in paths] == [200, 200]


def test_flask_wtf_with_the_api_exempt_checks_the_forms_of_the_console(app: Flask) -> None:
    csrf = import_package("flask_wtf").CSRFProtect(app)
    csrf.exempt(app.blueprints["lakeflow_jobs"])
    client = app.test_client()

    assert client.post("/api/jobs/never/run", json={}).status_code == 200
    assert client.post("/jobs/never/run", data={}, headers=OWN_PAGE).status_code == 400
    form = client.get("/jobs/never/run").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert found is not None
    data = {"csrf_token": found[1]}
    assert client.post("/jobs/never/run", data=data, headers=OWN_PAGE).status_code == 303


def test_flask_session_keeps_its_sessions(app: Flask, tmp_path: Path) -> None:
    import_package("flask_session")
    cachelib = import_package("cachelib")
    app.config.update(
        SESSION_TYPE="cachelib", SESSION_CACHELIB=cachelib.FileSystemCache(str(tmp_path / "s"))
    )
    import_package("flask_session").Session(app)

    @app.get("/count")
    def count() -> str:
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    client = app.test_client()
    assert client.get("/count").text == "1"
    assert client.post("/api/jobs/never/run", json={}).status_code == 200
    assert client.get("/count").text == "2"


def test_flask_talisman_replaces_the_policy_of_the_console_by_one_that_it_works_with(
    app: Flask,
) -> None:
    import_package("flask_talisman").Talisman(app, force_https=False)
    page = app.test_client().get("/jobs/never/run")

    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    # All that the policy forbids.
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page.text)
    assert not re.search(r'(?:src|href)="https?://', page.text)
