"""Jobs that run as their user, over HTTP."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from flask_lakeflow_jobs.testing import FaultyWorkspace, hash_token
from tests.conftest import MakeApp
from tests.support import ALICE, on_behalf_of


class TestUserJobs:
    @pytest.fixture
    def user_client(self, make_app: MakeApp) -> FlaskClient:
        """A client of an app whose job ``user`` runs as its users."""
        job = {"of": "never", "task_type": "job", "run_as": "user"}
        return make_app(jobs={"user": job}).test_client()

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/run"),
            ("GET", "/runs"),
            ("GET", "/status"),
            ("GET", "/runs/1"),
            ("DELETE", "/runs/1"),
            ("GET", "/runs/1/output"),
            ("GET", "/runs/1/stream"),
        ],
    )
    def test_user_job_without_a_token_is_401_and_makes_no_call(
        self, user_client: FlaskClient, fault_proxy: FaultyWorkspace, method: str, path: str
    ) -> None:
        response = user_client.open(f"/api/jobs/user{path}", method=method)

        assert response.status_code == 401
        assert not fault_proxy.requests

    def test_user_job_with_a_token_calls_with_that_token(
        self, user_client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = user_client.post("/api/jobs/user/run", headers=on_behalf_of(ALICE)).get_json()[
            "runId"
        ]
        for path in ("runs", "status", f"runs/{run_id}", f"runs/{run_id}/output"):
            response = user_client.get(f"/api/jobs/user/{path}", headers=on_behalf_of(ALICE))
            assert response.status_code == 200

        api_calls = [sent for sent in fault_proxy.requests if sent.path.startswith("/api/")]
        assert {sent.token for sent in api_calls} == {hash_token(ALICE)}

    def test_user_job_with_a_refused_token_is_401(self, user_client: FlaskClient) -> None:
        response = user_client.post("/api/jobs/user/run", headers=on_behalf_of("dapi-of-carol"))

        assert response.status_code == 401
        assert "carol" not in response.text

    def test_user_job_reads_of_one_user_are_not_served_to_another(
        self, user_client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = user_client.post("/api/jobs/user/run", headers=on_behalf_of(ALICE)).get_json()[
            "runId"
        ]
        path = f"/api/jobs/user/runs/{run_id}"
        assert user_client.get(path, headers=on_behalf_of(ALICE)).status_code == 200

        assert user_client.get(path, headers=on_behalf_of("dapi-of-carol")).status_code == 401
        assert user_client.get(path).status_code == 401

    def test_app_job_ignores_a_user_token(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        client.post("/api/jobs/never/run", headers=on_behalf_of(ALICE))

        assert [sent.token for sent in fault_proxy.find_requests("POST")] == [
            hash_token(fault_proxy.token)
        ]

    def test_user_job_itself_needs_no_token(self, user_client: FlaskClient) -> None:
        assert user_client.get("/api/jobs/user").get_json()["runAs"] == "user"
