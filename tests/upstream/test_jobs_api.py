"""The Jobs API client: joined pages, whole documents, and incomplete responses."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from databricks.sdk import WorkspaceClient

from flask_lakeflow_jobs.upstream.failures import IncompleteResponse
from flask_lakeflow_jobs.upstream.jobs_api import JobsApiClient

Document = dict[str, Any]


class Workspace:
    """A workspace whose responses are pages.

    :param pages: by their page token.
    """

    def __init__(self, pages: dict[str | None, Any]) -> None:
        self._pages = pages
        self.requests: list[tuple[str, Document]] = []
        self.config = SimpleNamespace(workspace_id="77")
        self.api_client = self

    def do(self, method: str, path: str, *, query: Document, **options: Any) -> Any:
        assert method == "GET"
        assert options["headers"]["X-Databricks-Workspace-Id"] == "77"
        self.requests.append((path, query))
        return self._pages[query.get("page_token")]


def make_api(*pages: Any) -> tuple[JobsApiClient, Workspace]:
    """Make a client of a workspace with one response of some pages."""
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


def test_get_run_joins_its_pages() -> None:
    first = {
        "job_id": 7,
        "run_id": 1,
        "tasks": tasks("a"),
        "job_parameters": [{"name": "p"}],
        "unknown_field": 1,
    }
    others = {
        "repair_history": [{"id": 5}],
        "job_clusters": [{"job_cluster_key": "c"}],
        "job_parameters": [{"name": "q"}],
    }
    api, _ = make_api(first, {"tasks": tasks("b"), **others}, {"tasks": []})

    response = api.get_run(1)

    assert response.document == {
        **first,
        **others,
        "tasks": tasks("a", "b"),
        "job_parameters": [{"name": "p"}, {"name": "q"}],
    }
    assert [task.task_key for task in response.value.tasks or []] == ["a", "b"]


def test_get_run_of_a_for_each_task_joins_its_iterations() -> None:
    loop = {"job_id": 7, "run_id": 1, "tasks": tasks("loop")}
    api, _ = make_api(
        {**loop, "iterations": tasks("0")}, {**loop, "iterations": tasks("1")}, {"tasks": []}
    )

    document = api.get_run(1).document

    assert document["iterations"] == tasks("0", "1")
    assert document["tasks"] == tasks("loop")


def test_get_job_joins_its_pages() -> None:
    settings = {"name": "etl", "tasks": tasks("a"), "unknown_field": {}}
    others = {
        "parameters": [{"name": "p"}],
        "job_clusters": [{"job_cluster_key": "c"}],
        "environments": [{"environment_key": "e"}],
    }
    api, _ = make_api(
        {"job_id": 7, "settings": settings},
        {"job_id": 7, "settings": {"tasks": tasks("b"), **others}},
    )

    assert api.get_job(7).document == {
        "job_id": 7,
        "settings": {**settings, **others, "tasks": tasks("a", "b")},
    }


@pytest.mark.parametrize(
    ("read", "path", "query"),
    [
        (lambda api: api.get_job(7), "get", {"job_id": 7, "include_trigger_state": "true"}),
        (lambda api: api.get_run(1), "runs/get", {"run_id": 1}),
        (
            lambda api: api.get_run(1, history=True, resolved=True),
            "runs/get",
            {"run_id": 1, "include_history": True, "include_resolved_values": True},
        ),
        (lambda api: api.get_run_first_page(1), "runs/get", {"run_id": 1}),
    ],
    ids=["job", "run", "all of a run", "first page"],
)
def test_read_asks_for_what_it_returns(
    read: Callable[[JobsApiClient], Any], path: str, query: Document
) -> None:
    api, workspace = make_api({"job_id": 7, "run_id": 1})
    read(api)
    assert workspace.requests == [(f"/api/2.2/jobs/{path}", query)]


@pytest.mark.parametrize(
    ("limit", "pages", "page_limit"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (9, 4, 9), (60, 4, 25)]
)
def test_list_runs_reads_pages_up_to_the_limit(limit: int, pages: int, page_limit: int) -> None:
    api, workspace = make_api(
        {"runs": [{"job_id": 7, "run_id": 1}, {"run_id": 2}]},
        {"runs": [{"run_id": 3}]},
        {},
        {"runs": None},
    )

    runs = api.list_runs(7, limit, {"active_only": True})

    assert [run.document["run_id"] for run in runs] == [1, 2, 3][:limit]
    assert len(workspace.requests) == pages
    assert workspace.requests[0][1] == {"job_id": 7, "limit": page_limit, "active_only": True}


def test_list_runs_reads_all_tasks_of_an_expanded_run() -> None:
    class Long(Workspace):
        def do(self, method: str, path: str, **options: Any) -> Any:
            if path.endswith("runs/list"):
                listed = {"job_id": 7, "run_id": 1, "tasks": tasks("a"), "has_more": True}
                return {"runs": [listed, {"run_id": 2, "tasks": tasks("x")}]}
            return super().do(method, path, **options)

    workspace = Long({None: {"job_id": 7, "run_id": 1, "tasks": tasks("a", "b")}})
    api = JobsApiClient(cast("WorkspaceClient", workspace))

    expanded = api.list_runs(7, 5, {"expand_tasks": True})

    assert [run.document["tasks"] for run in expanded] == [tasks("a", "b"), tasks("x")]
    assert [query["run_id"] for _, query in workspace.requests] == [1]
    assert [len(run.document["tasks"]) for run in api.list_runs(7, 5, {})] == [1, 1]
    first_pages = api.list_runs(7, 5, {"expand_tasks": True}, all_tasks=False)
    assert [len(run.document["tasks"]) for run in first_pages] == [1, 1]
    assert len(workspace.requests) == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda api: api.get_run(1),
        lambda api: api.list_runs(7, 5, {})[0],
        lambda api: api.list_runs(7, 5, {"expand_tasks": True})[0],
    ],
    ids=["get", "list", "expanded list"],
)
def test_null_fields_are_left_out_of_a_run(
    read: Callable[[JobsApiClient], Any],
) -> None:
    run = {
        "job_id": 7,
        "run_id": 1,
        "end_time": None,
        "tasks": None,
        "state": {"result_state": None},
    }
    api, _ = make_api({**run, "runs": [run]})

    document = read(api).document
    document.pop("runs", None)

    assert document == {"job_id": 7, "run_id": 1, "state": {"result_state": None}}


@pytest.mark.parametrize(
    ("views", "kept"),
    [(5, None), (["text", {"content": [], "name": "n"}], [{"name": "n"}])],
)
def test_exported_views_of_another_type_are_left_out(views: Any, kept: Any) -> None:
    api, _ = make_api({"views": views})
    assert api.export_notebook(1).get("views") == kept


@pytest.mark.parametrize("token", ["", None])
def test_empty_page_token_is_the_last_page(token: str | None) -> None:
    api, _ = make_api({"job_id": 7, "run_id": 1, "next_page_token": token})

    assert api.get_run(1).document == {"job_id": 7, "run_id": 1}


@pytest.mark.parametrize(
    "read",
    [
        lambda api: api.get_run(1),
        lambda api: api.get_job(7),
        lambda api: api.list_runs(7, 9, {}),
    ],
    ids=["run", "job", "runs"],
)
def test_pages_in_a_circle_are_an_incomplete_response(read: Callable[[JobsApiClient], Any]) -> None:
    page = {"job_id": 7, "run_id": 1, "next_page_token": "again"}
    workspace = Workspace({None: page, "again": page})

    with pytest.raises(IncompleteResponse, match="no end"):
        read(JobsApiClient(cast("WorkspaceClient", workspace)))


@pytest.mark.parametrize("response", [{}, {"run_id": None}, [], "text", None])
def test_response_without_required_fields_is_incomplete(response: Any) -> None:
    with pytest.raises(IncompleteResponse):
        JobsApiClient(cast("WorkspaceClient", Workspace({None: response}))).get_run(1)


LOG_PART = {"text": "a", "rest": "", "offset": 0, "next_offset": 1, "is_final": True, "line": 1}


@pytest.mark.parametrize(
    "part", [{}, *({**LOG_PART, "offset": each} for each in (None, "x", float("inf")))], ids=repr
)
def test_log_part_without_required_fields_is_incomplete(part: Any) -> None:
    workspace = Workspace({None: part})
    workspace.config.host = "http://localhost:1234"
    with pytest.raises(IncompleteResponse):
        JobsApiClient(cast("WorkspaceClient", workspace)).get_log_part(1, 0, 100)


def test_only_a_workspace_on_this_machine_is_asked_for_a_part_of_a_log() -> None:
    api, workspace = make_api(LOG_PART)
    workspace.config.host = "https://workspace.example"
    assert api.get_log_part(1, 0, 100) is None
    assert workspace.requests == []
