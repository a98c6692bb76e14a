"""The views of outputs, logs and iterations, as the contract defines them."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import ClientDisconnected

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Refusal
from flask_lakeflow_jobs.web import views
from tests.conftest import MakeApp
from tests.support import RunGate, wait_until
from tests.web.conftest import RunToEnd


def _with_many_tasks(exchange: Exchange) -> None:
    """Let the run have 150 tasks, whose outputs the workspace does not have."""
    reply = exchange.forward()
    document = json.loads(reply.body)
    (only,) = document["tasks"]
    document["tasks"] = [
        {**only, "task_key": f"t{number}", "run_id": 10**12 + number} for number in range(150)
    ]
    exchange.respond(dataclasses.replace(reply, body=json.dumps(document).encode()))


def _as_queued(exchange: Exchange) -> None:
    """Respond with the run as it is in the queue."""
    reply = exchange.forward()
    run = json.loads(reply.body)
    queued = {"state": {"life_cycle_state": "QUEUED"}, "status": {"state": "QUEUED"}}
    document = {"run_id": run["run_id"], "job_id": run["job_id"], **queued}
    exchange.respond(type(reply)(200, reply.headers, json.dumps(document).encode()))


def _with_running_iterations(exchange: Exchange) -> None:
    reply = exchange.forward()
    document = json.loads(reply.body)
    running = {"state": {"life_cycle_state": "RUNNING"}, "status": {"state": "RUNNING"}}
    for iteration in document.get("iterations", ()):
        iteration.update(running)
    exchange.respond(dataclasses.replace(reply, body=json.dumps(document).encode()))


def _without_views(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.respond(dataclasses.replace(reply, body=b'{"views": [{"content": "<p>"}]}'))


class TestExplain:
    def test_explanation_names_the_task_that_failed_and_its_error(
        self, client: FlaskClient, run_to_end: RunToEnd
    ) -> None:
        run_id = run_to_end("failing")
        response = client.get(f"/api/jobs/failing/runs/{run_id}/explain")
        assert response.status_code == 200
        assert (response.json or {})["outcome"] == "failed"
        tasks = {each["task_key"]: each["error"] for each in (response.json or {})["tasks"]}
        assert "the boat is leaking" in tasks["broken"]

    def test_explanation_of_an_unknown_run_is_not_found(self, client: FlaskClient) -> None:
        assert client.get("/api/jobs/failing/runs/1/explain").status_code == 404


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
        client = make_app(LAKEFLOW_JOBS_READ_ATTEMPTS=1).test_client()
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
        monkeypatch.setattr(views, "ITERATIONS_PER_PAGE", 2)
        run_id = run_to_end("repeated")
        url = f"/api/jobs/repeated/runs/{run_id}"
        page = client.get(f"{url}/iterations?task=loop").get_json()
        assert page["nextPageToken"] == "2"
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
        assert "Name a for-each task" in client.get(f"{url}/iterations").get_json()["detail"]

    def test_iterations_that_run_have_no_output_and_fill_one_page(
        self,
        make_app: MakeApp,
        run_to_end: RunToEnd,
        fault_proxy: FaultyWorkspace,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(views, "ITERATIONS_PER_PAGE", 3)
        run_id = run_to_end("repeated")
        fault_proxy.fail(_with_running_iterations, path="runs/get")
        url = f"/api/jobs/repeated/runs/{run_id}/iterations?task=loop"
        page = make_app().test_client().get(url).get_json()
        assert page["nextPageToken"] is None
        found = [(each["outcome"], each["output"]) for each in page["iterations"]]
        assert found == [("running", {})] * 3

    def test_iterations_of_another_task_are_400(
        self, client: FlaskClient, run_to_end: RunToEnd
    ) -> None:
        run_id = run_to_end("quick")
        url = f"/api/jobs/quick/runs/{run_id}/iterations?task=only"
        assert "is no for-each task" in client.get(url).get_json()["detail"]


@pytest.mark.parametrize("name", ["gunicorn.socket", "werkzeug.socket"])
def test_disconnected_client_is_noticed(name: str) -> None:
    near, far = socket.socketpair()
    with near:
        views.check_connection({name: near})
        far.send(b"GET / HTTP/1.1")  # the next request, which stays to be read
        views.check_connection({name: near})
        assert near.recv(3) == b"GET"
        near.recv(99)
        far.close()
        with pytest.raises(ClientDisconnected):
            views.check_connection({name: near})


def test_client_of_an_unknown_server_counts_as_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    views.check_connection({})
    views.check_connection({"gunicorn.socket": object()})
    near, far = socket.socketpair()
    far.close()
    monkeypatch.setattr(views, "is_gevent_patched", lambda: True)
    with near:  # reading from it would let other greenlets run
        views.check_connection({"gunicorn.socket": near})
