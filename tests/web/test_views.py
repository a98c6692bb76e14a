"""The views except streams: each response as the contract defines it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import RunGate
from tests.web.conftest import RunToEnd


class TestSideBySide:
    def test_matrix_has_the_tasks_of_each_run(
        self, client: FlaskClient, run_to_end: RunToEnd, end: str
    ) -> None:
        run_ids = [run_to_end("pipeline") for _ in range(2)]
        document = client.get(f"/api/jobs/pipeline/matrix{end}?limit=2").get_json()
        assert [run["runId"] for run in document["runs"]] == run_ids[::-1]
        least = client.get(f"/api/jobs/pipeline/matrix{end}?limit=0").get_json()
        assert [run["runId"] for run in least["runs"]] == run_ids[1:]
        assert all(len(task["runs"]) == 2 for task in document["tasks"])
        assert {run["outcome"] for task in document["tasks"] for run in task["runs"]} == {
            "succeeded"
        }

    def test_comparison_has_both_runs(
        self, client: FlaskClient, run_to_end: RunToEnd, end: str
    ) -> None:
        first, second = run_to_end("quick"), run_to_end("quick")
        query = f"run={second}&run={first}"
        document = client.get(f"/api/jobs/quick/compare{end}?{query}").get_json()
        assert [run["runId"] for run in document["runs"]] == [first, second]
        assert client.get(f"/api/jobs/never/compare{end}?{query}").status_code == 404
        assert client.get(f"/api/jobs/quick/compare{end}?run={first}").status_code == 400


class TestTrigger:
    def test_trigger_returns_the_run_id_and_its_location(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, end: str
    ) -> None:
        response = client.post(f"/api/jobs/never/run{end}", json={"params": {"day": "2013-01-02"}})

        assert response.status_code == 200
        document = response.get_json()
        assert set(document) == {"runId"}
        assert response.headers["Location"] == (
            f"http://localhost/api/jobs/never/runs/{document['runId']}"
        )
        assert client.get(response.headers["Location"]).get_json()["run_id"] == document["runId"]
        (sent,) = fault_proxy.find_requests("POST", "run-now")
        assert sent.body["job_parameters"] == {"day": "2013-01-02"}

    def test_trigger_returns_a_location_for_a_host_that_werkzeug_takes_for_none(
        self, client: FlaskClient, end: str
    ) -> None:
        response = client.post(f"/api/jobs/never/run{end}", headers={"Host": "my_app:8000"})

        location = response.headers["Location"].removeprefix("http://my_app:8000")  # older werkzeug
        assert location == f"/api/jobs/never/runs/{response.get_json()['runId']}"

    def test_trigger_returns_the_run_id_if_the_app_cannot_build_its_location(
        self, app: Flask, client: FlaskClient, end: str
    ) -> None:
        @app.url_defaults
        def fail(endpoint: str, values: dict[str, Any]) -> None:
            raise RuntimeError("no language")

        response = client.post(f"/api/jobs/never/run{end}")

        assert set(response.get_json()) == {"runId"}
        assert "Location" not in response.headers

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"json": {}},
            {"json": {"params": {}}},
            {"json": {"params": None}},
            {"data": b"", "content_type": "application/json"},
        ],
        ids=repr,
    )
    def test_trigger_without_parameters_accepts_several_bodies(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, body: dict[str, Any]
    ) -> None:
        assert client.post("/api/jobs/never/run", **body).status_code == 200
        assert set(fault_proxy.find_requests("POST", "run-now")[0].body) == {
            "job_id",
            "idempotency_token",
        }

    def test_trigger_with_a_used_key_returns_the_same_run(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        first, again = (
            client.post("/api/jobs/never/run", headers={"Idempotency-Key": "a-click"})
            for _ in range(2)
        )

        assert first.get_json() == again.get_json()
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Location"] == first.headers["Location"]


class TestRuns:
    @pytest.mark.parametrize(
        ("limit", "delivered"), [("1", 1), ("0", 1), ("-5", 1), ("60", 60), ("1000", 100)]
    )
    def test_runs_limit_is_clamped_and_delivered_in_full(
        self,
        app: Flask,
        client: FlaskClient,
        fault_proxy: FaultyWorkspace,
        limit: str,
        delivered: int,
    ) -> None:
        with app.app_context():
            missing = 101 - len(current_jobs["never"].list_runs(101))
            for _ in range(missing):
                current_jobs["never"].run_now()

        runs = client.get(f"/api/jobs/never/runs?limit={limit}").get_json()["runs"]

        assert len({run["run_id"] for run in runs}) == len(runs) == delivered
        assert all(
            int(page.query["limit"]) <= 25 for page in fault_proxy.find_requests("GET", "runs/list")
        )

    def test_runs_of_a_job_without_runs_are_empty(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(_no_runs, path="runs/list")

        assert client.get("/api/jobs/never/runs").get_json() == {"runs": []}

    def test_run_has_the_fields_of_the_jobs_api(
        self, client: FlaskClient, run_to_end: RunToEnd, end: str
    ) -> None:
        run_id = run_to_end("pipeline")

        response = client.get(f"/api/jobs/pipeline/runs/{run_id}{end}")

        assert response.status_code == 200
        run = response.get_json()
        assert run["run_id"] == run_id
        assert run["state"]["result_state"] == "SUCCESS"
        assert run["status"]["termination_details"]["code"] == "SUCCESS"
        assert [task["task_key"] for task in run["tasks"]] == ["extract", "load"]


class TestStatus:
    def test_status_is_of_the_newest_run(self, app: Flask, client: FlaskClient, end: str) -> None:
        with app.app_context():
            run_id = current_jobs["never"].run_now().run_id

        document = client.get(f"/api/jobs/never/status{end}").get_json()

        assert document["status"] == "SKIPPED"
        assert document["outcome"] == "skipped"
        assert document["run"]["run_id"] == run_id

    def test_status_of_a_job_without_runs_is_null(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(_no_runs, path="runs/list")

        document = client.get("/api/jobs/never/status").get_json()

        assert (document["status"], document["run"]) == (None, None)

    def test_status_after_a_trigger_is_of_the_new_run(self, client: FlaskClient) -> None:
        for _ in range(3):
            run_id = client.post("/api/jobs/never/run").get_json()["runId"]
            assert client.get("/api/jobs/never/status").get_json()["run"]["run_id"] == run_id


class TestCancel:
    def test_cancel_is_204_and_the_run_ends(
        self, app: Flask, client: FlaskClient, run_gate: RunGate, end: str
    ) -> None:
        with app.app_context():
            run_id = current_jobs["gated"].run_now(run_gate.params).run_id

            response = client.delete(f"/api/jobs/gated/runs/{run_id}{end}")

            assert (response.status_code, response.data) == (204, b"")
            assert current_jobs["gated"].wait(run_id).outcome == "canceled"
            found = client.get(f"/api/jobs/gated/runs/{run_id}").get_json()
        assert found["state"]["result_state"] == "CANCELED"

    def test_cancel_is_visible_to_the_next_read(
        self, client: FlaskClient, run_gate: RunGate
    ) -> None:
        run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
            "runId"
        ]
        path = f"/api/jobs/gated/runs/{run_id}"
        assert client.get(path).get_json()["state"]["life_cycle_state"] == "RUNNING"

        client.delete(path)

        words = client.get(path).get_json()["state"]["life_cycle_state"]
        assert words in ("TERMINATING", "TERMINATED")


class EtlParams(Schema):
    start = fields.Date(required=True, data_key="startDate")
    tries = fields.Integer(load_default=3, validate=validate.Range(1, 5))


class TestJobs:
    def test_jobs_have_a_task_type_and_a_json_schema(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, end: str
    ) -> None:
        job = {"of": "never", "task_type": "job", "params": EtlParams, "description": "nightly"}
        client = make_app(jobs={"etl": job}).test_client()

        listed = {job["key"]: job for job in client.get("/api/jobs/").get_json()["jobs"]}
        shown = client.get(f"/api/jobs/etl{end}").get_json()

        assert shown == listed["etl"]
        assert (shown["taskType"], shown["description"]) == ("job", "nightly")
        assert shown["params"]["required"] == ["startDate"]
        assert shown["params"]["properties"]["startDate"] == {"type": "string", "format": "date"}
        assert shown["params"]["properties"]["tries"]["maximum"] == 5
        assert not fault_proxy.requests, "what the app knows is not asked upstream"

    def test_job_without_a_schema_has_the_parameters_of_its_task_type(
        self, client: FlaskClient
    ) -> None:
        listed = {job["key"]: job["params"] for job in client.get("/api/jobs/").get_json()["jobs"]}

        assert "notebook_params" in listed["quick"]["properties"]
        assert set(listed["script"]["properties"]) == {"args"}
        assert listed["never"]["additionalProperties"] == {
            "type": ["string", "number", "boolean", "null"]
        }


class TestNotFound:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", ""),
            ("POST", "/run"),
            ("GET", "/runs"),
            ("GET", "/runs/1"),
            ("DELETE", "/runs/1"),
            ("GET", "/runs/1/output"),
            ("GET", "/runs/1/stream"),
            ("GET", "/status"),
        ],
    )
    def test_unknown_job_is_404_and_the_error_names_the_others(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, method: str, path: str
    ) -> None:
        response = client.open(f"/api/jobs/nope{path}", method=method)

        assert response.status_code == 404
        assert "'quick'" in json.loads(response.data)["detail"]
        assert not fault_proxy.requests

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/output"), ("GET", "/stream")]
    )
    def test_unknown_run_or_run_of_another_job_is_404(
        self, app: Flask, client: FlaskClient, fault_proxy: FaultyWorkspace, method: str, path: str
    ) -> None:
        with app.app_context():
            other = current_jobs["never"].run_now().run_id

        for run_id in (1, other):
            response = client.open(f"/api/jobs/quick/runs/{run_id}{path}", method=method)
            assert response.status_code == 404
            assert str(run_id) in json.loads(response.data)["detail"]
        assert len(fault_proxy.find_requests("POST")) == 1

    @pytest.mark.parametrize(
        ("run_id", "method", "path"),
        [
            *(
                ("abc", *route)
                for route in [("DELETE", ""), ("GET", "/output"), ("GET", "/stream")]
            ),
            *((each, "GET", "") for each in ["1001abc", "0", "-1", "1.5", "9" * 20, "१२", "1%20"]),
        ],
    )
    def test_invalid_run_id_is_400(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, run_id: str, method: str, path: str
    ) -> None:
        response = client.open(f"/api/jobs/quick/runs/{run_id}{path}", method=method)

        assert response.status_code == 400
        assert not fault_proxy.requests


def _no_runs(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.respond(type(reply)(200, reply.headers, b"{}"))
