"""Behind the upstream package, every field of a document has the type that the SDK says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from databricks.sdk.service.jobs import Job, Run, RunOutput
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.upstream.document_types import MAX_INT, MAX_TIME, conform
from tests.run_documents import SUCCEEDED, run_state, task

RUN = {
    "run_id": 1001,
    "job_id": 7,
    "start_time": 1,
    "job_parameters": [{"name": "day", "default": "1", "value": "2"}],
    "a_field_of_tomorrow": {"level": [3.5, {"word": "1"}]},
    **SUCCEEDED,
    "tasks": [
        task("load", run_state("RUNNING"), depends_on=[{"task_key": "extract"}]),
        task("extract", SUCCEEDED, notebook_task={"base_parameters": {"k": "v"}}),
    ],
}

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("RUNNING")
NAMES = ["run_id", "tasks", "state", "status", "task_key", "error", "settings", "schedule", "name"]
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=12,
)


def nested(levels: int) -> Any:
    document: Any = 1
    for _ in range(levels):
        document = {"inner": document}
    return document


def test_conforming_document_is_unchanged() -> None:
    assert conform(RUN, Run) == RUN


@pytest.mark.parametrize("unknown", [math.nan, [{"a": -math.inf}], nested(1000)])
def test_unknown_field_that_cannot_be_sent_on_is_left_out(unknown: Any) -> None:
    assert conform({**RUN, "another_field": unknown}, Run) == RUN


@pytest.mark.parametrize(
    ("field", "received", "kept"),
    [
        ("run_id", "1001", 1001),
        ("run_id", 1001.0, 1001),
        ("run_id", True, None),
        ("run_id", "\uff11", None),
        ("run_id", "1" * 5000, None),
        ("number_in_job", MAX_INT, MAX_INT),
        ("number_in_job", MAX_INT + 1, None),
        ("start_time", float("nan"), None),
        ("start_time", -1, None),
        ("start_time", MAX_INT, None),
        ("end_time", MAX_TIME, MAX_TIME),
        ("end_time", MAX_TIME + 1, None),
        ("run_name", 5, "5"),
        ("run_name", True, "true"),
        ("run_name", ["a"], None),
        ("run_name", 10**400, None),
        ("cluster_spec", {"new_cluster": {"enable_elastic_disk": "true"}}, {"new_cluster": {}}),
        ("state", "TERMINATED", None),
        ("state", {"life_cycle_state": "OF_TOMORROW"}, {"life_cycle_state": "OF_TOMORROW"}),
        ("state", {"life_cycle_state": {}}, {}),
        ("tasks", {"task_key": "a"}, None),
        ("tasks", [None, 1, [], {"task_key": 5, "depends_on": "a"}], [{"task_key": "5"}]),
        ("tasks", None, None),
        (
            "tasks",
            [{"task_key": []}, {"run_id": 2}],
            [{"task_key": ""}, {"run_id": 2, "task_key": ""}],
        ),
        ("job_parameters", [{"value": "1"}], [{"value": "1", "name": ""}]),
        ("state", {"result_state": None}, {"result_state": None}),
        (
            "overriding_parameters",
            {"jar_params": ["a", None], "notebook_params": {"a": None}},
            {"jar_params": ["a"], "notebook_params": {}},
        ),
    ],
)
def test_value_of_another_type_is_converted_or_left_out(
    field: str, received: Any, kept: Any
) -> None:
    assert conform({field: received, "new": 1}, Run).get(field) == kept


@given(document=st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_any_document_can_be_parsed(document: dict[str, Any]) -> None:
    for kind in (Run, RunOutput, Job):
        conformed = conform(document, kind)
        kind.from_dict(conformed).as_dict()
        assert conform(conformed, kind) == conformed
