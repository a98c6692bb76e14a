"""Protection against cross-site request forgery."""

from __future__ import annotations

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from flask_lakeflow_jobs import NotAllowed
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.web.csrf import refuse_cross_site, require_same_origin

HERE = {"Host": "app.example"}


APP = Flask(__name__)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://app.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://app.example"},
        {"Sec-Fetch-Site": "of a later standard"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://app.example.evil.example"},
        {"Origin": "http://app.example:8080"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "app.example"},
        {"Origin": "http://["},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "other.example"},
        {"Origin": "http://evil.example", "X-Forwarded-Host": "other.example, inner.example"},
        {"Origin": "", "X-Forwarded-Host": "other.example,"},
        {"Origin": "", "Host": ""},
        {"Origin": "http://evil.example", "Host": "my_app:8000"},
        {"Origin": "http://evil.app.example", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_refuse_cross_site_request_of_another_site_raises_not_allowed(
    headers: dict[str, str],
) -> None:
    for method in ("POST", "DELETE", "PUT", "PATCH"):
        with (
            APP.test_request_context(method=method, headers={**HERE, **headers}),
            pytest.raises(NotAllowed, match="another site"),
        ):
            refuse_cross_site(request)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://app.example"},
        {"Origin": "http://my_app:8000", "Host": "my_app:8000"},  # for werkzeug, it is no host
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "public.example, inner.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "edge.example,public.example"},
        {"Origin": "https://public.example", "X-Forwarded-Host": "edge.example, public.example"},
    ],
)
def test_refuse_cross_site_own_pages_and_other_clients_pass(headers: dict[str, str]) -> None:
    with APP.test_request_context(method="POST", headers={**HERE, **headers}):
        refuse_cross_site(request)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_refuse_cross_site_safe_methods_pass(method: str) -> None:
    with APP.test_request_context(method=method, headers={"Sec-Fetch-Site": "cross-site"}):
        refuse_cross_site(request)


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "http://app.example"}, True),
        ({}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://app.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://evil.example"}, False),
    ],
)
def test_require_same_origin_needs_proof_of_the_origin(
    headers: dict[str, str], is_allowed: bool
) -> None:
    with APP.test_request_context(method="POST", headers={**HERE, **headers}):
        if is_allowed:
            require_same_origin(request)
        else:
            with pytest.raises(NotAllowed):
                require_same_origin(request)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}])
def test_require_same_origin_safe_methods_pass(headers: dict[str, str]) -> None:
    with APP.test_request_context(headers=headers):
        require_same_origin(request)


class TestRoutes:
    """The routes of the API refuse what another site makes a browser send."""

    @pytest.mark.parametrize(
        ("method", "path"), [("POST", "run"), ("DELETE", "runs/1"), ("POST", "run?stream=true")]
    )
    def test_unsafe_request_of_another_site_is_403(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, method: str, path: str
    ) -> None:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            response = client.open(f"/api/jobs/never/{path}", method=method, headers=headers)
            assert (headers, response.status_code) == (headers, 403)
        assert not fault_proxy.requests

    def test_unsafe_request_of_the_app_is_200(self, client: FlaskClient) -> None:
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
        assert client.post("/api/jobs/never/run", headers=headers).status_code == 200

    def test_other_routes_of_the_app_accept_other_sites(self, app: Flask) -> None:
        @app.post("/page")
        def page() -> str:
            return "posted"

        response = app.test_client().post("/page", headers={"Sec-Fetch-Site": "cross-site"})

        assert response.text == "posted"
