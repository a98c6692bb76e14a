"""Any request gets a response of the API, and the workspace continues to serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import ManualClock, Workspace, load_bundle
from flask_lakeflow_jobs.local.task_kinds import TASK_KINDS
from tests.local.support import Client, simulated_job, simulated_task, state_fields, write_bundle

FIELDS = """
    job_id run_id tasks task_key depends_on run_if inputs task parameters name default value tags
    queue enabled only job_parameters notebook_params python_params idempotency_token limit offset
    page_token new_settings fields_to_remove rerun_tasks rerun_all_failed_tasks outcome left right
    op max_retries timeout_seconds max_concurrent_runs settings local_simulation file path
    notebook_path python_file package_name entry_point base_parameters concurrency repair_id
    latest_repair_id
""".split()  # noqa: SIM905 (fifty lines otherwise)
PATHS = [
    *("create", "update", "reset", "delete", "run-now", "runs/submit", "runs/cancel"),
    *("runs/cancel-all", "runs/repair", "runs/delete"),
]
READS = ["get", "list", "runs/get", "runs/list", "runs/get-output", "runs/export"]

keys = st.sampled_from([*FIELDS, *sorted(TASK_KINDS)])
texts = st.sampled_from(
    ["a", "b", "", "+a", "{{job.id}}", "{{tasks.a.x}}", "true", "5", "[1]", "é"]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.text(max_size=5),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
tasks = st.lists(
    st.builds(
        lambda key, kind, body, more: {**more, "task_key": key, kind: body},
        st.sampled_from("abc"),
        st.sampled_from(sorted(TASK_KINDS)),
        st.dictionaries(keys, trees, max_size=4),
        st.dictionaries(keys, trees, max_size=3),
    ),
    min_size=1,
    max_size=3,
)
bodies = st.one_of(
    trees,
    st.builds(lambda more, these: {**more, "tasks": these}, st.dictionaries(keys, trees), tasks),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("robust")
    path = write_bundle(
        folder, {"etl": {**simulated_job(simulated_task("a")), "max_concurrent_runs": 1000}}, {}
    )
    with Workspace(path, folder / "folder", clock=ManualClock()) as address:
        yield Client(address, {key: job.job_id for key, job in load_bundle(path).jobs.items()})


def is_acceptable(answer: tuple[int, Any]) -> bool:
    status, body = answer
    return status == 200 or (
        status in (400, 404) and body["error_code"] != "INTERNAL_ERROR" and bool(body["message"])
    )


common = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@common
@given(path=st.sampled_from(PATHS), body=bodies)
def test_any_body_gets_a_response_of_the_api(client: Client, path: str, body: Any) -> None:
    if isinstance(body, dict) and "job_id" in body:
        body = {**body, "job_id": client.job_ids["etl"]}
    answer = client.http("POST", f"/api/2.2/jobs/{path}", body)
    assert is_acceptable(answer), (path, json.dumps(body), answer)
    if path in {"create", "runs/submit"} and answer[0] == 200 and "run_id" in answer[1]:
        run = client.http("GET", f"/api/2.2/jobs/runs/get?run_id={answer[1]['run_id']}")
        assert run[0] == 200
        client.http("POST", "/api/2.2/jobs/runs/cancel", {"run_id": answer[1]["run_id"]})


@common
@given(
    path=st.sampled_from(READS),
    query=st.dictionaries(
        st.sampled_from(FIELDS), st.from_regex(r"[\w.+-]{0,6}", fullmatch=True), max_size=3
    ),
)
def test_any_query_gets_a_response_of_the_api(
    client: Client, path: str, query: dict[str, str]
) -> None:
    answer = client.http("GET", f"/api/2.2/jobs/{path}?{urlencode(query)}")
    assert is_acceptable(answer), (path, query, answer)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(("levels", "status"), [(99, 200), (100, 400), (500, 400), (900, 400)])
def test_depth_of_a_body_is_bounded(client: Client, levels: int, status: int) -> None:
    task = {"task_key": "a", "notebook_task": {"notebook_path": "/x"}}
    body = {"run_name": "deep", "tasks": [task], "x": nested(levels)}
    answer = client.http("POST", "/api/2.2/jobs/runs/submit", body)
    assert answer[0] == status
    if status == 400:
        assert "nested more than 100 levels deep" in answer[1]["message"]


def test_workspace_still_serves_after_all_requests(client: Client) -> None:
    assert state_fields(client.jobs.get_run(client.start("etl")))[0] == "TERMINATED"
    assert [job.settings.name for job in client.jobs.list(name="etl") if job.settings] == ["etl"]
