"""Every route but the streams, with its answers as the contract has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.config.jobs import RESERVED_KEYS
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, hash_token
from tests.conftest import MakeApp
from tests.support import ALICE, RunGate, on_behalf_of

Finished = Callable[[str], int]


@pytest.fixture(params=["", "/"], ids=["bare", "slash"])
def end(request: pytest.FixtureRequest) -> str:
    """How a path ends: both ways are the same route, without a redirect."""
    return str(request.param)


@pytest.fixture
def finished(app: Flask) -> Finished:
    """Runs a job to its end."""

    def finish(key: str, params: Any = None) -> int:
        with app.app_context():
            run_id = current_jobs[key].run_now(params).run_id
            current_jobs[key].wait(run_id)
        return run_id

    return finish


class TestTrigger:
    def test_it_answers_the_run_and_where_it_is(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, end: str
    ) -> None:
        response = client.post(f"/api/jobs/never/run{end}", json={"params": {"day": "2013-01-02"}})

        assert response.status_code == 200
        document = response.get_json()
        assert set(document) == {"runId"}
        assert response.headers["Location"].endswith(f"/api/jobs/never/runs/{document['runId']}")
        assert client.get(response.headers["Location"]).get_json()["run_id"] == document["runId"]
        (sent,) = fault_proxy.find_requests("POST", "run-now")
        assert sent.body["job_parameters"] == {"day": "2013-01-02"}

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
    def test_no_parameters_may_be_said_in_many_ways(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, body: dict[str, Any]
    ) -> None:
        assert client.post("/api/jobs/never/run", **body).status_code == 200
        assert set(fault_proxy.find_requests("POST", "run-now")[0].body) == {
            "job_id",
            "idempotency_token",
        }

    def test_a_repeat_with_the_same_key_answers_the_same_run_and_says_so(
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

    def test_the_same_key_with_other_parameters_is_409(self, client: FlaskClient) -> None:
        headers = {"Idempotency-Key": "another-click"}
        client.post("/api/jobs/never/run", headers=headers)

        response = client.post(
            "/api/jobs/never/run", headers=headers, json={"params": {"day": "2"}}
        )

        assert response.status_code == 409

    def test_a_double_click_without_a_key_is_two_runs(self, client: FlaskClient) -> None:
        runs = {client.post("/api/jobs/never/run").get_json()["runId"] for _ in range(2)}

        assert len(runs) == 2


class TestRuns:
    def test_they_are_the_newest_first_twenty_by_default(
        self, app: Flask, client: FlaskClient, end: str
    ) -> None:
        with app.app_context():
            started = [current_jobs["never"].run_now().run_id for _ in range(21)]

        response = client.get(f"/api/jobs/never/runs{end}")

        assert response.status_code == 200
        assert [run["run_id"] for run in response.get_json()["runs"]] == started[:0:-1]

    @pytest.mark.parametrize(
        ("limit", "delivered"), [("1", 1), ("0", 1), ("-5", 1), ("60", 60), ("1000", 100)]
    )
    def test_the_limit_is_clamped_and_delivered_over_pages(
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

    @pytest.mark.parametrize("limit", ["ten", "1.5", "", "1e3", "\uff19"])
    def test_a_limit_that_is_no_number_is_400(self, client: FlaskClient, limit: str) -> None:
        assert client.get(f"/api/jobs/never/runs?limit={limit}").status_code == 400

    def test_a_job_without_runs_has_an_empty_list(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(_no_runs, path="runs/list")

        assert client.get("/api/jobs/never/runs").get_json() == {"runs": []}

    def test_a_run_is_spelled_as_the_jobs_api_does(
        self, client: FlaskClient, finished: Finished, end: str
    ) -> None:
        run_id = finished("pipeline")

        response = client.get(f"/api/jobs/pipeline/runs/{run_id}{end}")

        assert response.status_code == 200
        run = response.get_json()
        assert run["run_id"] == run_id
        assert run["state"]["result_state"] == "SUCCESS"
        assert run["status"]["termination_details"]["code"] == "SUCCESS"
        assert [task["task_key"] for task in run["tasks"]] == ["extract", "load"]


class TestStatus:
    def test_it_is_of_the_newest_run(self, app: Flask, client: FlaskClient, end: str) -> None:
        with app.app_context():
            run_id = current_jobs["never"].run_now().run_id

        document = client.get(f"/api/jobs/never/status{end}").get_json()

        assert document["status"] == "SKIPPED"
        assert document["outcome"] == "skipped"
        assert document["run"]["run_id"] == run_id

    def test_it_is_null_where_there_is_no_run(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(_no_runs, path="runs/list")

        document = client.get("/api/jobs/never/status").get_json()

        assert (document["status"], document["run"]) == (None, None)

    def test_it_shows_a_new_run_at_once(self, client: FlaskClient) -> None:
        """A peer shows the previous run for a minute (B9)."""
        for _ in range(3):
            run_id = client.post("/api/jobs/never/run").get_json()["runId"]
            assert client.get("/api/jobs/never/status").get_json()["run"]["run_id"] == run_id


class TestOutput:
    def test_it_is_by_task_key_of_one_task_too(
        self, client: FlaskClient, finished: Finished, end: str
    ) -> None:
        run_id = finished("quick")

        response = client.get(f"/api/jobs/quick/runs/{run_id}/output{end}")

        assert response.status_code == 200
        assert response.get_json()["only"]["logs"] == "done\n"

    def test_of_several_tasks_each_has_its_own(
        self, client: FlaskClient, finished: Finished
    ) -> None:
        run_id = finished("failing")

        outputs = client.get(f"/api/jobs/failing/runs/{run_id}/output").get_json()

        assert set(outputs) == {"fine", "broken", "after"}
        assert outputs["fine"]["logs"] == "fine\n"
        assert outputs["broken"]["error"] == "ValueError: the boat is leaking"
        assert outputs["broken"]["logs"].startswith("about to launch\n")

    def test_of_a_run_without_tasks_yet_there_is_none(
        self, make_app: MakeApp, finished: Finished, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = finished("quick")
        fault_proxy.fail(_as_queued, path="runs/get")

        response = make_app().test_client().get(f"/api/jobs/quick/runs/{run_id}/output")

        assert (response.status_code, response.get_json()) == (200, {})
        assert fault_proxy.find_requests("GET", "runs/get-output") == []


class TestCancel:
    def test_it_is_204_without_a_body_and_the_run_ends(
        self, app: Flask, client: FlaskClient, run_gate: RunGate, end: str
    ) -> None:
        with app.app_context():
            run_id = current_jobs["gated"].run_now(run_gate.params).run_id

            response = client.delete(f"/api/jobs/gated/runs/{run_id}{end}")

            assert (response.status_code, response.data) == (204, b"")
            assert current_jobs["gated"].wait(run_id).outcome == "canceled"
            found = client.get(f"/api/jobs/gated/runs/{run_id}").get_json()
        assert found["state"]["result_state"] == "CANCELED"

    def test_reads_say_so_at_once(self, client: FlaskClient, run_gate: RunGate) -> None:
        """A peer says RUNNING for a minute (B9)."""
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
    def test_they_are_listed_with_task_type_and_json_schema(
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

    def test_of_a_job_without_a_schema_they_tell_what_its_task_type_takes(
        self, client: FlaskClient
    ) -> None:
        listed = {job["key"]: job["params"] for job in client.get("/api/jobs/").get_json()["jobs"]}

        assert "notebook_params" in listed["quick"]["properties"]
        assert set(listed["script"]["properties"]) == {"args"}
        assert listed["never"]["additionalProperties"] == {
            "type": ["string", "number", "boolean", "null"]
        }

    def test_no_job_is_hidden_by_a_route(self, make_app: MakeApp) -> None:
        app = make_app(
            LAKEFLOW_JOBS_WEBHOOK_USERNAME="databricks", LAKEFLOW_JOBS_WEBHOOK_PASSWORD="secret"
        )
        parts = [
            rule.rule.removeprefix("/api/jobs/").split("/")
            for rule in app.url_map.iter_rules()
            if rule.rule.startswith("/api/jobs/")
        ]
        assert {first for first, *_ in parts if first and "<" not in first} == RESERVED_KEYS

    def test_the_list_may_be_asked_for_without_its_slash(self, client: FlaskClient) -> None:
        assert client.get("/api/jobs").status_code == 200


class TestNotThere:
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
    def test_an_unknown_job_is_404_and_names_the_known_ones(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, method: str, path: str
    ) -> None:
        response = client.open(f"/api/jobs/nope{path}", method=method)

        assert response.status_code == 404
        assert "'quick'" in json.loads(response.data)["detail"]
        assert not fault_proxy.requests

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/output"), ("GET", "/stream")]
    )
    def test_an_unknown_run_and_one_of_another_job_are_404(
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
        "run_id", ["1001abc", "abc", "0", "-1", "1.5", "99999999999999999999", "१२", "1%20"]
    )
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/output"), ("GET", "/stream")]
    )
    def test_an_id_that_is_none_is_400(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace, run_id: str, method: str, path: str
    ) -> None:
        response = client.open(f"/api/jobs/quick/runs/{run_id}{path}", method=method)

        assert response.status_code == 400
        assert not fault_proxy.requests


class TestUserJobs:
    @pytest.fixture
    def theirs(self, make_app: MakeApp) -> FlaskClient:
        """A client of an app one of whose jobs runs as its users."""
        job = {"of": "never", "task_type": "job", "run_as": "user"}
        return make_app(jobs={"theirs": job}).test_client()

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
    def test_without_a_token_they_are_401_and_the_app_does_not_step_in(
        self, theirs: FlaskClient, fault_proxy: FaultyWorkspace, method: str, path: str
    ) -> None:
        response = theirs.open(f"/api/jobs/theirs{path}", method=method)

        assert response.status_code == 401
        assert not fault_proxy.requests

    def test_with_one_they_act_with_it(
        self, theirs: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = theirs.post("/api/jobs/theirs/run", headers=on_behalf_of(ALICE)).get_json()[
            "runId"
        ]
        for path in ("runs", "status", f"runs/{run_id}", f"runs/{run_id}/output"):
            response = theirs.get(f"/api/jobs/theirs/{path}", headers=on_behalf_of(ALICE))
            assert response.status_code == 200

        api_calls = [sent for sent in fault_proxy.requests if sent.path.startswith("/api/")]
        assert {sent.token for sent in api_calls} == {hash_token(ALICE)}

    def test_with_one_that_the_workspace_refuses_they_are_401(self, theirs: FlaskClient) -> None:
        response = theirs.post("/api/jobs/theirs/run", headers=on_behalf_of("dapi-of-carol"))

        assert response.status_code == 401
        assert "carol" not in response.text

    def test_what_one_user_has_read_is_not_shown_to_another(
        self, theirs: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = theirs.post("/api/jobs/theirs/run", headers=on_behalf_of(ALICE)).get_json()[
            "runId"
        ]
        path = f"/api/jobs/theirs/runs/{run_id}"
        assert theirs.get(path, headers=on_behalf_of(ALICE)).status_code == 200

        assert theirs.get(path, headers=on_behalf_of("dapi-of-carol")).status_code == 401
        assert theirs.get(path).status_code == 401

    def test_a_token_changes_nothing_for_a_job_of_the_app(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        client.post("/api/jobs/never/run", headers=on_behalf_of(ALICE))

        assert [sent.token for sent in fault_proxy.find_requests("POST")] == [
            hash_token(fault_proxy.token)
        ]

    def test_the_job_itself_may_be_looked_at(self, theirs: FlaskClient) -> None:
        assert theirs.get("/api/jobs/theirs").get_json()["runAs"] == "user"


def _no_runs(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.respond(type(reply)(200, reply.headers, b"{}"))


def _as_queued(exchange: Exchange) -> None:
    """A run as it is while it waits for its turn."""
    reply = exchange.forward()
    run = json.loads(reply.body)
    first_read_permit = {"state": {"life_cycle_state": "QUEUED"}, "status": {"state": "QUEUED"}}
    document = {"run_id": run["run_id"], "job_id": run["job_id"], **first_read_permit}
    exchange.respond(type(reply)(200, reply.headers, json.dumps(document).encode()))
