"""Pages of lists and their tokens."""

from __future__ import annotations

import base64
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.api.pages import (
    NESTED_LIMIT,
    decode_token,
    encode_token,
    page_fields,
    paginate_nested,
    paginate_runs,
    parse_limit,
    parse_start,
    truncate_nested,
)
from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.errors import InvalidParameterValue
from tests.local.conftest import Serve
from tests.local.support import Client, simulated_job, simulated_task
from tests.support import needs_newer_sdk


def request(version: str = "2.2", **fields: Any) -> Request:
    return Request(version, fields)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=3))
def test_decode_token_reverses_encode_token(position: list[int]) -> None:
    assert decode_token(encode_token(position), len(position)) == position


@given(st.text())
def test_decode_token_of_any_text_is_a_position_or_an_error(token: str) -> None:
    with suppress(InvalidParameterValue):
        assert len(decode_token(token, 1)) == 1


@pytest.mark.parametrize(
    "token",
    [
        *("abc", "W10=", "\ud800", base64.b64encode(b"[" * 100_000).decode()),
        *map(encode_token, ([1, 2], [-1], [2**63])),
    ],
)
def test_decode_token_refuses_other_tokens(token: str) -> None:
    with pytest.raises(InvalidParameterValue, match="Invalid page token"):
        decode_token(token, 1)


@pytest.mark.parametrize(("limit", "size"), [(None, 20), (0, 26), (1, 1), ("26", 26)])
def test_parse_limit(limit: Any, size: int) -> None:
    assert parse_limit(request(limit=limit), default=20, maximum=26) == size


@pytest.mark.parametrize(
    ("fields", "start"),
    [({}, 0), ({"offset": 7}, 7), ({"offset": 7, "page_token": encode_token([5])}, 5)],
)
def test_parse_start_prefers_the_token(fields: dict[str, Any], start: int) -> None:
    assert parse_start(request(**fields)) == start


@pytest.mark.parametrize(
    ("version", "following", "fields"),
    [
        ("2.2", [0], {"next_page_token": encode_token([0])}),
        ("2.2", None, {}),
        ("2.1", [0], {"next_page_token": encode_token([0]), "has_more": True}),
        ("2.0", None, {"has_more": False}),
    ],
)
def test_page_fields_have_has_more_before_version_2_2(
    version: str, following: list[int] | None, fields: dict[str, Any]
) -> None:
    assert page_fields(request(version), following, None) == fields


@given(count=st.integers(0, 20), size=st.integers(1, 7), start=st.integers(0, 20))
def test_paginate_runs_lists_each_run_once_in_both_directions(
    count: int, size: int, start: int
) -> None:
    # Runs of the same start are ordered by their number.
    runs = [((1000 + number // 3, number), number) for number in range(count)][::-1]

    def list_runs(limit: int, *, offset: int = 0, after: Any = None, before: Any = None) -> Any:
        if before is not None:
            return [run for run in runs if run[0] > before][-limit:]
        found = runs if after is None else [run for run in runs if run[0] < after]
        return found[offset : offset + limit]

    pages = []
    ids, fields = paginate_runs(list_runs, request(offset=start), size)
    while ids:
        pages.append(ids)
        if "next_page_token" not in fields:
            break
        ids, fields = paginate_runs(list_runs, request(page_token=fields["next_page_token"]), size)
    assert list(chain(*pages)) == list(range(count))[::-1][start:]
    newer: list[int] = []
    while "prev_page_token" in fields:
        ids, fields = paginate_runs(list_runs, request(page_token=fields["prev_page_token"]), size)
        newer = ids + newer
    if pages:
        assert newer + pages[-1] == list(range(count))[::-1]


@given(st.integers(0, 350), st.integers(0, 120))
def test_paginate_nested_lists_each_item_once(tasks: int, parameters: int) -> None:
    shape = {"name": "etl", "tasks": list(range(tasks)), "parameters": list(range(parameters))}
    keys = ("tasks", "parameters", "job_clusters")
    page = paginate_nested(shape, keys, request())
    pages = [page]
    while token := page.get("next_page_token"):
        page = paginate_nested(shape, keys, request(page_token=token))
        pages.append(page)
    assert len(pages) == max(1, -(-max(tasks, parameters) // NESTED_LIMIT))
    for key in ("tasks", "parameters"):
        assert list(chain(*(page[key] for page in pages))) == shape[key]
        assert all(len(page[key]) <= NESTED_LIMIT for page in pages)
    assert "next_page_token" not in paginate_nested(shape, keys, request("2.1"))


@pytest.mark.parametrize(("count", "has_more"), [(100, False), (101, True)])
def test_truncate_nested_sets_has_more(count: int, has_more: bool) -> None:
    page = truncate_nested({"tasks": list(range(count))}, ("tasks", "parameters"))
    assert page == {"tasks": list(range(100))} | ({"has_more": True} if has_more else {})


def test_sixty_runs_are_listed_in_pages(client: Client) -> None:
    started = [client.start("etl") for _ in range(60)]
    status, page = client.http("GET", "/api/2.2/jobs/runs/list")
    assert (status, len(page["runs"])) == (200, 20)
    status, page = client.http("GET", "/api/2.2/jobs/runs/list?limit=0")
    assert (status, len(page["runs"])) == (200, 26)
    listed = list(client.jobs.list_runs(job_id=client.job_ids["etl"], limit=25))
    assert [run.run_id for run in listed] == started[::-1]
    _, page = client.http("GET", "/api/2.2/jobs/runs/list?offset=58")
    assert [run["run_id"] for run in page["runs"]] == started[1::-1]
    assert client.http("GET", "/api/2.2/jobs/runs/list?job_id=5") == (200, {})


def test_version_2_0_lists_all_jobs_and_up_to_1000_runs(
    serve: Serve, etl_jobs: dict[str, Any]
) -> None:
    client = serve({f"job{number}": etl_jobs["etl"] for number in range(25)})
    assert len(client.http("GET", "/api/2.0/jobs/list")[1]["jobs"]) == 25
    assert len(client.http("GET", "/api/2.1/jobs/list")[1]["jobs"]) == 20
    started = [client.start("job0") for _ in range(30)]
    _, answer = client.http("GET", "/api/2.0/jobs/runs/list?limit=1000")
    assert [run["run_id"] for run in answer["runs"]] == started[::-1]
    status, error = client.http("GET", "/api/2.0/jobs/runs/list?limit=1001")
    assert status == 400
    assert error["message"] == "Invalid limit 1001 - it has to be no more than 1000."


@needs_newer_sdk
def test_job_and_run_of_120_tasks_come_in_pages(serve: Serve) -> None:
    job = simulated_job(*(simulated_task(f"t{number:03}") for number in range(120)))
    job["parameters"] = [{"name": f"p{number}", "default": ""} for number in range(101)]
    client = serve({"etl": job})
    run = client.run("etl")
    keys = [f"t{number:03}" for number in range(120)]
    assert [task.task_key for task in run.tasks or []] == keys
    assert len(run.job_parameters or []) == 101
    settings = client.jobs.get(client.job_ids["etl"]).settings
    assert settings is not None
    assert [task.task_key for task in settings.tasks or []] == keys
    assert len(settings.parameters or []) == 101
    path = f"/api/2.2/jobs/runs/get?run_id={run.run_id}"
    status, first = client.http("GET", path)
    assert (status, len(first["tasks"])) == (200, 100)
    status, second = client.http("GET", f"{path}&page_token={first['next_page_token']}")
    assert (status, len(second["tasks"]), len(second["job_parameters"])) == (200, 20, 1)
    assert "next_page_token" not in second
    status, old = client.http("GET", path.replace("2.2", "2.1"))
    assert (len(old["tasks"]), "next_page_token" in old) == (100, False)
    (listed,) = client.http("GET", "/api/2.2/jobs/runs/list?expand_tasks=true")[1]["runs"]
    assert (len(listed["tasks"]), listed["has_more"]) == (100, True)
    (expanded,) = client.jobs.list_runs(expand_tasks=True)
    assert len(expanded.tasks or []) == 120
    (plain,) = client.http("GET", "/api/2.2/jobs/runs/list")[1]["runs"]
    assert "tasks" not in plain
    (job_shape,) = client.http("GET", "/api/2.2/jobs/list?expand_tasks=true")[1]["jobs"]
    assert (len(job_shape["settings"]["tasks"]), job_shape["has_more"]) == (100, True)
