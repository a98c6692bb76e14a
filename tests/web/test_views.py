"""The views except streams: each response as the contract defines it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Refusal, hash_token
from flask_lakeflow_jobs.web import outputs
from tests.conftest import MakeApp
from tests.support import ALICE, RunGate, on_behalf_of, wait_until

RunToEnd = Callable[[str], int]


@pytest.fixture(params=["", "/"], ids=["bare", "slash"])
def end(request: pytest.FixtureRequest) -> str:
    """The end of a path: both are the same route, without a redirect."""
    return str(request.param)


@pytest.fixture
def run_to_end(app: Flask) -> RunToEnd:
    """Runs a job to its end and returns the run id."""

    def finish(key: str, params: Any = None) -> int:
        with app.app_context():
            run_id = current_jobs[key].run_now(params).run_id
            current_jobs[key].wait(run_id)
        return run_id

    return finish


def _with_many_tasks(exchange: Exchange) -> None:
    """Let the run have 150 tasks, whose outputs the workspace does not have."""
    reply = exchange.forward()
    document = json.loads(reply.body)
    (only,) = document["tasks"]
    document["tasks"] = [
        {**only, "task_key": f"t{number}", "run_id": 10**12 + number} for number in range(150)
    ]
    exchange.respond(dataclasses.replace(reply, body=json.dumps(document).encode()))


def _without_views(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.respond(dataclasses.replace(reply, body=b'{"views": [{"content": "<p>"}]}'))


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

    def test_trigger_with_a_used_key_and_other_parameters_is_409(self, client: FlaskClient) -> None:
        headers = {"Idempotency-Key": "another-click"}
        client.post("/api/jobs/never/run", headers=headers)

        response = client.post(
            "/api/jobs/never/run", headers=headers, json={"params": {"day": "2"}}
        )

        assert response.status_code == 409

    def test_trigger_twice_without_a_key_starts_two_runs(self, client: FlaskClient) -> None:
        runs = {client.post("/api/jobs/never/run").get_json()["runId"] for _ in range(2)}

        assert len(runs) == 2


class TestRuns:
    def test_runs_are_twenty_newest_first_by_default(
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

    @pytest.mark.parametrize("limit", ["ten", "1.5", "", "1e3", "\uff19"])
    def test_runs_limit_not_a_whole_number_is_400(self, client: FlaskClient, limit: str) -> None:
        assert client.get(f"/api/jobs/never/runs?limit={limit}").status_code == 400

    def test_runs_of_a_job_without_runs_are_empty(
        self, client: FlaskClient, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(_no_runs, path="runs/list")

        assert client.get("/api/jobs/never/runs").get_json() == {"runs": []}

    def test_run_is_spelled_like_the_jobs_api(
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


class TestOutput:
    def test_output_of_one_task_is_by_task_key(
        self, client: FlaskClient, run_to_end: RunToEnd, end: str
    ) -> None:
        run_id = run_to_end("quick")

        response = client.get(f"/api/jobs/quick/runs/{run_id}/output{end}")

        assert response.status_code == 200
        assert response.get_json()["only"]["logs"] == "done\n"

    def test_output_of_several_tasks_is_by_task_key(
        self, client: FlaskClient, run_to_end: RunToEnd
    ) -> None:
        run_id = run_to_end("failing")

        found = client.get(f"/api/jobs/failing/runs/{run_id}/output").get_json()

        assert set(found) == {"fine", "broken", "after"}
        assert found["fine"]["logs"] == "fine\n"
        assert found["broken"]["error"] == "ValueError: the boat is leaking"
        assert found["broken"]["logs"].startswith("about to launch\n")

    def test_output_of_a_run_without_tasks_is_empty(
        self, make_app: MakeApp, run_to_end: RunToEnd, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = run_to_end("quick")
        fault_proxy.fail(_as_queued, path="runs/get")

        response = make_app().test_client().get(f"/api/jobs/quick/runs/{run_id}/output")

        assert (response.status_code, response.get_json()) == (200, {})
        assert fault_proxy.find_requests("GET", "runs/get-output") == []

    def test_output_of_many_tasks_comes_in_pages(
        self, make_app: MakeApp, run_to_end: RunToEnd, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = run_to_end("quick")
        fault_proxy.fail(_with_many_tasks, path="runs/get")
        client = make_app().test_client()
        url, keys, calls = f"/api/jobs/quick/runs/{run_id}/output", [], []
        while url:
            before = len(fault_proxy.find_requests("GET", "runs/get-output"))
            response = client.get(url)
            keys += list(response.get_json())
            calls.append(len(fault_proxy.find_requests("GET", "runs/get-output")) - before)
            match = re.fullmatch(r'<(\S+)>; rel="next"', response.headers.get("Link", ""))
            url = match[1] if match else ""

        assert calls == [100, 50]
        assert len(set(keys)) == 150

    def test_output_of_named_tasks_is_read_alone(
        self, client: FlaskClient, run_to_end: RunToEnd, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = run_to_end("failing")
        url = f"/api/jobs/failing/runs/{run_id}/output"

        assert set(client.get(f"{url}?task=broken").get_json()) == {"broken"}
        assert len(fault_proxy.find_requests("GET", "runs/get-output")) == 1
        assert client.get(f"{url}?task=nothing").status_code == 400

    def test_output_of_a_notebook_has_its_printed_text(
        self, client: FlaskClient, run_to_end: RunToEnd, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = run_to_end("greeting")
        url = f"/api/jobs/greeting/runs/{run_id}/output"
        output = client.get(url).get_json()["greet"]
        assert output["logs"] == "hello\n"
        assert output["notebook_output"]["result"] == '{"who": "world"}'
        client.get(url)
        assert len(fault_proxy.find_requests("GET", "runs/export")) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            Refusal(400, "INVALID_PARAMETER_VALUE"),
            Refusal(403, "PERMISSION_DENIED"),
            Refusal(404, "RESOURCE_DOES_NOT_EXIST"),
            Refusal(404, "ENDPOINT_NOT_FOUND"),
            _without_views,
        ],
    )
    def test_output_of_a_notebook_without_its_page_has_the_rest(
        self,
        client: FlaskClient,
        run_to_end: RunToEnd,
        fault_proxy: FaultyWorkspace,
        fault: Callable[[Exchange], None],
    ) -> None:
        run_id = run_to_end("greeting")
        fault_proxy.fail(fault, path="runs/export")
        output = client.get(f"/api/jobs/greeting/runs/{run_id}/output").get_json()["greet"]
        assert "logs" not in output
        assert output["notebook_output"]["result"] == '{"who": "world"}'

    def test_output_of_a_notebook_has_its_printed_text_after_an_outage(
        self, make_app: MakeApp, run_to_end: RunToEnd, fault_proxy: FaultyWorkspace
    ) -> None:
        client = make_app(LAKEFLOW_JOBS_READ_TIMEOUT=1).test_client()
        url = f"/api/jobs/greeting/runs/{run_to_end('greeting')}/output"
        fault_proxy.fail(Refusal(503), path="runs/export")
        assert "logs" not in client.get(url).get_json()["greet"]
        fault_proxy.clear_faults()
        assert wait_until(lambda: "logs" in client.get(url).get_json()["greet"], "the text")


class TestLogs:
    def test_log_of_a_task_comes_from_an_offset(
        self, client: FlaskClient, run_to_end: RunToEnd, end: str
    ) -> None:
        run_id = run_to_end("failing")
        url = f"/api/jobs/failing/runs/{run_id}/logs{end}"
        first = client.get(f"{url}?task=broken&attempt=1").get_json()
        assert first["text"].startswith("about to launch\n")
        assert (first["isFinal"], first["isLive"], first["line"]) == (True, True, 1)
        rest = client.get(f"{url}?task=broken&offset={len('about to launch') + 1}").get_json()
        assert "about to launch\n" + rest["text"] == first["text"]
        assert rest["line"] == 2

    def test_log_of_another_workspace_comes_after_the_end(
        self, app: Flask, client: FlaskClient, fault_proxy: FaultyWorkspace, run_gate: RunGate
    ) -> None:
        fault_proxy.fail(Refusal(404, "ENDPOINT_NOT_FOUND"), path="task-log")
        with app.app_context():
            run_id = current_jobs["gated"].run_now(run_gate.params).run_id
            url = f"/api/jobs/gated/runs/{run_id}/logs?task=wait"
            active = client.get(url).get_json()
            assert (active["text"], active["isLive"], active["isFinal"]) == ("", False, False)
            run_gate.open()
            current_jobs["gated"].wait(run_id)
        ended = client.get(url).get_json()
        assert (ended["isLive"], ended["isFinal"]) == (False, True)

    def test_log_of_a_task_without_output_is_empty(
        self, client: FlaskClient, run_to_end: RunToEnd, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = run_to_end("quick")
        fault_proxy.fail(Refusal(404, "ENDPOINT_NOT_FOUND"), path="task-log")
        fault_proxy.fail(Refusal(400, "INVALID_PARAMETER_VALUE"), path="runs/get-output")
        log = client.get(f"/api/jobs/quick/runs/{run_id}/logs?task=only").get_json()
        assert (log["text"], log["isFinal"]) == ("", True)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "task=only&taskRunId=1",
            "task=other",
            "taskRunId=7",
            "task=only&offset=x",
            "taskRunId=a",
        ],
    )
    def test_log_of_no_task_is_400(
        self, client: FlaskClient, run_to_end: RunToEnd, query: str
    ) -> None:
        response = client.get(f"/api/jobs/quick/runs/{run_to_end('quick')}/logs?{query}")
        assert response.status_code == 400

    def test_iterations_have_inputs_outputs_and_logs(
        self, client: FlaskClient, run_to_end: RunToEnd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outputs, "ITERATIONS_PER_PAGE", 2)
        run_id = run_to_end("repeated")
        url = f"/api/jobs/repeated/runs/{run_id}"
        page = client.get(f"{url}/iterations?task=loop").get_json()
        second = client.get(f"{url}/iterations?task=loop&pageToken={page['nextPageToken']}")
        assert second.get_json()["nextPageToken"] is None
        found = page["iterations"] + second.get_json()["iterations"]
        assert [(each["iteration"], each["input"], each["outcome"]) for each in found] == [
            (1, "fine", "succeeded"),
            (2, "broken", "failed"),
            (3, "fine", "succeeded"),
        ]
        assert "ValueError" in found[1]["output"]["error"]
        log = client.get(f"{url}/logs?taskRunId={found[1]['taskRunId']}").get_json()
        assert log["text"] == found[1]["output"]["logs"]
        assert client.get(f"{url}/iterations").status_code == 400

    def test_iterations_of_another_task_are_400(
        self, client: FlaskClient, run_to_end: RunToEnd
    ) -> None:
        run_id = run_to_end("quick")
        url = f"/api/jobs/quick/runs/{run_id}/iterations?task=only"
        assert "is no for-each task" in client.get(url).get_json()["detail"]


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

    def test_jobs_without_trailing_slash_is_200(self, client: FlaskClient) -> None:
        assert client.get("/api/jobs").status_code == 200


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


def _no_runs(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.respond(type(reply)(200, reply.headers, b"{}"))


def _as_queued(exchange: Exchange) -> None:
    """Respond with the run as it is in the queue."""
    reply = exchange.forward()
    run = json.loads(reply.body)
    queued = {"state": {"life_cycle_state": "QUEUED"}, "status": {"state": "QUEUED"}}
    document = {"run_id": run["run_id"], "job_id": run["job_id"], **queued}
    exchange.respond(type(reply)(200, reply.headers, json.dumps(document).encode()))
