"""What is read arrives whole, and as the workspace spells it."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from databricks.sdk import WorkspaceClient
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace
from flask_lakeflow_jobs.testing.exchange import Reply
from flask_lakeflow_jobs.upstream.error_mapping import IncompleteResponse
from flask_lakeflow_jobs.upstream.jobs_api import JobsApiClient
from tests.sse_client import Stream

Document = dict[str, Any]


class Workspace:
    """Answers with pages, each reached by the token that the one before it names.

    :param pages: by their token.
    """

    def __init__(self, pages: dict[str | None, Any]) -> None:
        self._pages = pages
        self.asked: list[tuple[str, Document]] = []
        self.config = SimpleNamespace(workspace_id="77")
        self.api_client = self

    def do(self, method: str, path: str, *, query: Document, **given: Any) -> Any:
        assert method == "GET"
        assert given["headers"]["X-Databricks-Workspace-Id"] == "77"
        self.asked.append((path, query))
        return self._pages[query.get("page_token")]


def api(*pages: Any) -> tuple[JobsApiClient, Workspace]:
    """The Jobs API with some pages of one answer."""
    workspace = Workspace(
        {
            f"page {number}" if number else None: (
                {**page, "next_page_token": f"page {number + 1}"}
                if number + 1 < len(pages)
                else page
            )
            for number, page in enumerate(pages)
        }
    )
    return JobsApiClient(cast("WorkspaceClient", workspace)), workspace


def tasks(*keys: str) -> list[Document]:
    return [{"task_key": key} for key in keys]


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_pages_of_a_run_are_one() -> None:
    first = {"run_id": 1, "tasks": tasks("a"), "job_parameters": [{"name": "p"}], "tomorrow": 1}
    reads, _ = api(first, {"tasks": tasks("b"), "repair_history": [{"id": 5}]}, {"tasks": []})

    answer = reads.get_run(1)

    assert answer.document == {
        **first,
        "tasks": tasks("a", "b"),
        "repair_history": [{"id": 5}],
    }
    assert [task.task_key for task in answer.value.tasks or []] == ["a", "b"]


def test_the_pages_of_a_task_that_repeats_another_have_its_iterations() -> None:
    loop = {"run_id": 1, "tasks": tasks("loop")}
    reads, _ = api(
        {**loop, "iterations": tasks("0")}, {**loop, "iterations": tasks("1")}, {"tasks": []}
    )

    document = reads.get_run(1).document

    assert document["iterations"] == tasks("0", "1")
    assert document["tasks"] == tasks("loop")


def test_the_pages_of_a_job_are_one() -> None:
    settings = {"name": "etl", "tasks": tasks("a"), "tomorrow": {}}
    reads, _ = api(
        {"job_id": 7, "settings": settings},
        {"job_id": 7, "settings": {"tasks": tasks("b"), "parameters": [{"name": "p"}]}},
    )

    assert reads.get_job(7).document == {
        "job_id": 7,
        "settings": {**settings, "tasks": tasks("a", "b"), "parameters": [{"name": "p"}]},
    }


@pytest.mark.parametrize(
    ("limit", "pages", "asked"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (9, 4, 9), (60, 4, 25)]
)
def test_runs_are_read_page_by_page_until_there_are_enough(
    limit: int, pages: int, asked: int
) -> None:
    reads, workspace = api(
        {"runs": [{"run_id": 1}, {"run_id": 2}]},
        {"runs": [{"run_id": 3}]},
        {},
        {"runs": None},
    )

    runs = reads.list_runs(7, limit, {"active_only": True})

    assert [run.document["run_id"] for run in runs] == [1, 2, 3][:limit]
    assert len(workspace.asked) == pages
    assert workspace.asked[0][1] == {"job_id": 7, "limit": asked, "active_only": True}


def test_a_run_of_a_list_that_has_more_tasks_is_read_whole() -> None:
    class Long(Workspace):
        def do(self, method: str, path: str, **given: Any) -> Any:
            if path.endswith("runs/list"):
                listed = {"run_id": 1, "tasks": tasks("a"), "has_more": True}
                return {"runs": [listed, {"run_id": 2, "tasks": tasks("x")}]}
            return super().do(method, path, **given)

    workspace = Long({None: {"run_id": 1, "tasks": tasks("a", "b")}})
    reads = JobsApiClient(cast("WorkspaceClient", workspace))

    expanded = reads.list_runs(7, 5, {"expand_tasks": True})

    assert [run.document["tasks"] for run in expanded] == [tasks("a", "b"), tasks("x")]
    assert [query["run_id"] for _, query in workspace.asked] == [1]
    assert [len(run.document["tasks"]) for run in reads.list_runs(7, 5, {})] == [1, 1]


@pytest.mark.parametrize(
    "read",
    [
        lambda reads: reads.get_run(1),
        lambda reads: reads.list_runs(7, 5, {})[0],
        lambda reads: reads.list_runs(7, 5, {"expand_tasks": True})[0],
    ],
    ids=["alone", "in a list", "in a list of whole ones"],
)
def test_what_is_null_is_left_out_of_a_run_wherever_it_is_read(
    read: Callable[[JobsApiClient], Any],
) -> None:
    run = {"run_id": 1, "end_time": None, "tasks": None, "state": {"result_state": None}}
    reads, _ = api({**run, "runs": [run]})

    document = read(reads).document
    document.pop("runs", None)

    assert document == {"run_id": 1, "state": {"result_state": None}}


@pytest.mark.parametrize("token", ["", None])
def test_a_token_that_is_none_is_the_end(token: str | None) -> None:
    reads, _ = api({"run_id": 1, "next_page_token": token})

    assert reads.get_run(1).document == {"run_id": 1}


@pytest.mark.parametrize(
    "read",
    [
        lambda reads: reads.get_run(1),
        lambda reads: reads.get_job(7),
        lambda reads: reads.list_runs(7, 9, {}),
    ],
    ids=["run", "job", "runs"],
)
def test_pages_that_lead_in_a_circle_are_no_answer(read: Callable[[JobsApiClient], Any]) -> None:
    page = {"run_id": 1, "job_id": 7, "next_page_token": "again"}
    workspace = Workspace({None: page, "again": page})

    with pytest.raises(IncompleteResponse, match="no end"):
        read(JobsApiClient(cast("WorkspaceClient", workspace)))


@pytest.mark.parametrize("answer", [{}, {"run_id": None}, [], "text", None])
def test_an_answer_without_what_matters_is_none(answer: Any) -> None:
    with pytest.raises(IncompleteResponse):
        JobsApiClient(cast("WorkspaceClient", Workspace({None: answer}))).get_run(1)


# ── words and fields of tomorrow ──────────────────────────────────────────────────────────────────

SUNDIAL = {"shadow": 3, "hours": ["ix", None]}


def of_tomorrow(exchange: Exchange) -> None:
    """A workspace that is ahead of the SDK: its runs have a state and a field more."""
    reply = exchange.forward()
    document = json.loads(reply.body)
    for run in document.get("runs") or [document]:
        run["sundial"] = SUNDIAL
        run["state"] = {"life_cycle_state": "HIBERNATING", "result_state": None}
        run["status"] = {"state": "HIBERNATING"}
    exchange.respond(Reply(reply.status, reply.headers, json.dumps(document).encode()))


@pytest.fixture
def run_id(app: Flask, fault_proxy: FaultyWorkspace) -> int:
    """A run in that workspace."""
    with app.app_context():
        started = current_jobs["never"].run_now().run_id
    for path in ("runs/get", "runs/list"):
        fault_proxy.fail(of_tomorrow, path=path)
    return int(started)


def test_runs_are_served_as_they_are_spelled(app: Flask, run_id: int) -> None:
    client = app.test_client()

    run = client.get(f"/api/jobs/never/runs/{run_id}").get_json()
    (first, *_) = client.get("/api/jobs/never/runs").get_json()["runs"]
    status = client.get("/api/jobs/never/status").get_json()

    for shown in (run, first, status["run"]):
        assert shown["run_id"] == run_id
        assert shown["sundial"] == SUNDIAL
        assert shown["state"] == {"life_cycle_state": "HIBERNATING", "result_state": None}
    assert (status["status"], status["outcome"]) == ("HIBERNATING", "unknown")


def test_events_have_them_so_too(
    app: Flask, serve: Callable[[Flask], str], fault_proxy: FaultyWorkspace, run_id: int
) -> None:
    with Stream.open(f"{serve(app)}/api/jobs/never/runs/{run_id}/stream") as stream:
        hibernating = next(stream)
        fault_proxy.clear_faults()
        *_, ended, _ = stream

    assert hibernating.json["status"] == "HIBERNATING"
    assert hibernating.json["outcome"] == "unknown"
    assert hibernating.json["run"]["sundial"] == SUNDIAL
    assert ended.json["outcome"] != "unknown"


def test_a_status_in_python_has_them_in_its_document(app: Flask, run_id: int) -> None:
    with app.app_context():
        status = next(current_jobs["never"].watch(run_id))

    assert (status.status, str(status.outcome), status.is_terminal) == (
        "HIBERNATING",
        "unknown",
        False,
    )
    assert status.to_dict()["run"]["sundial"] == SUNDIAL
    assert status.run.run_id == run_id
    assert "sundial" not in repr(status)


def test_a_failure_is_explained_in_them_too(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    def explode(exchange: Exchange) -> None:
        reply = exchange.forward()
        document = json.loads(reply.body)
        for part in [document, *document["tasks"]]:
            part["state"]["result_state"] = "EXPLODED"
            part["status"]["termination_details"] = {"code": "SUPERNOVA"}
        exchange.respond(Reply(reply.status, reply.headers, json.dumps(document).encode()))

    fault_proxy.fail(explode, path="runs/get")
    with app.app_context():
        run_id = current_jobs["failing"].run_now().run_id
        end = current_jobs["failing"].wait(run_id)

        explanation = current_jobs["failing"].explain(run_id)

    assert explanation.outcome == end.outcome == "unknown"
    assert explanation.termination_code == "SUPERNOVA"
    assert {(task.outcome, task.termination_code) for task in explanation.tasks} == {
        ("unknown", "SUPERNOVA")
    }


def test_outputs_are_served_as_they_are_spelled(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.forward()
        body = {"logs": "a", "sundial": SUNDIAL, "dbt_output": {"artifacts_headers": {"k": "v"}}}
        exchange.respond(
            Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        )

    with app.app_context():
        run_id = current_jobs["quick"].run_now().run_id
        current_jobs["quick"].wait(run_id)
    fault_proxy.fail(answer, path="runs/get-output")

    outputs = app.test_client().get(f"/api/jobs/quick/runs/{run_id}/output").get_json()

    assert outputs
    for output in outputs.values():
        assert output == {"logs": "a", "sundial": SUNDIAL, "dbt_output": {}}
