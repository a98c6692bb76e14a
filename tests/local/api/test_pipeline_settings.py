"""Settings of pipelines, from requests and in responses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.api.pipelines import build_spec, parse_pipeline, serialize_details
from flask_lakeflow_jobs.local.bundle.fields import PIPELINE
from flask_lakeflow_jobs.local.errors import ApiError
from flask_lakeflow_jobs.local.pipeline_registry import RegisteredPipeline

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["path", "file", "glob", "x"]), inner, max_size=2),
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(PIPELINE.fields)), values, max_size=4))
def test_parse_pipeline_accepts_or_refuses_any_json(fields: dict[str, Any]) -> None:
    try:
        settings = parse_pipeline(copy.deepcopy(fields))
    except ApiError:
        return
    assert parse_pipeline(copy.deepcopy(settings)) == settings


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({"name": "etl", "x": [1]}, {"name": "etl", "x": [1]}),
        ({"name": 5, "serverless": "true"}, {"name": "5", "serverless": True}),
        ({"name": None, "libraries": [{"jar": None}]}, {"libraries": [{}]}),
        ({"tags": {"a": 1, "b": None, "c": True}}, {"tags": {"a": "1", "c": "true"}}),
        ({"allow_duplicate_names": True, "dry_run": False, "id": "7"}, {}),
        ({"expected_last_modified": 5, "pipeline_id": "7"}, {}),
        ({"run_as": {"user_name": "ann"}}, {"run_as": {"user_name": "ann"}}),
    ],
)
def test_parse_pipeline_keeps_its_settings(
    fields: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert parse_pipeline(fields) == settings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": {}}, "Expected string for field name, found OBJECT"),
        ({"catalog": []}, "Expected string for field catalog, found ARRAY"),
        ({"continuous": "x"}, "Expected boolean for field continuous, found STRING"),
        ({"libraries": {}}, "Expected array for field libraries, found OBJECT"),
        ({"libraries": ["a"]}, "Expected object for field libraries, found STRING"),
        ({"libraries": [{"file": "a"}]}, "Expected object for field libraries.file, found STRING"),
        (
            {"libraries": [{"notebook": {"path": []}}]},
            "Expected string for field libraries.notebook.path, found ARRAY",
        ),
        ({"configuration": {"a": {}}}, "Expected string for field configuration.a, found OBJECT"),
        ({"ingestion_definition": "x"}, "Expected object for field ingestion_definition, found"),
        ({"environment": {"dependencies": "x"}}, "Expected array for field environment.depend"),
        ({"clusters": [1]}, "Expected object for field clusters, found NUMBER"),
        ({"run_as": "ann"}, "Expected object for field run_as, found STRING"),
        ({"restart_window": {"start_hour": 24}}, "'start_hour' has to be a number from 0 to 23"),
        ({"tags": dict.fromkeys(map(str, range(26)), "x")}, "a mapping of at most 25 tags"),
        ({"target": "main.sales"}, "target 'main.sales' is not a valid name of a schema."),
    ],
)
def test_parse_pipeline_of_other_types_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_pipeline(fields)
    assert caught.value.status == 400
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("settings", "pipeline_id", "spec"),
    [
        ({"catalog": "main"}, "7", {"catalog": "main", "id": "7"}),
        ({"storage": "/a"}, "7", {"storage": "/a", "id": "7"}),
        ({"run_as": {}, "parameters": {}}, "7", {"storage": "dbfs:/pipelines/7", "id": "7"}),
        ({"name": "etl"}, "", {"name": "etl"}),
    ],
)
def test_spec_has_the_id_and_a_place_for_tables(
    settings: dict[str, Any], pipeline_id: str, spec: dict[str, Any]
) -> None:
    assert build_spec(settings, pipeline_id) == spec


@pytest.mark.parametrize(
    ("run_as", "name"),
    [
        (None, "me"),
        ({"user_name": "ann"}, "ann"),
        ({"service_principal_name": "app"}, "app"),
        ("${var.user}", "me"),
    ],
)
def test_details_name_whom_updates_act_as(run_as: Any, name: str) -> None:
    settings = {"catalog": "main", "parameters": {"day": "mon"}, "run_as": run_as}
    details = serialize_details(RegisteredPipeline("7", 5, "me", settings))
    assert details["run_as_user_name"] == name
    assert (details["run_as"], details["parameters"]) == (run_as, {"day": "mon"})
    assert (details["name"], details["last_modified"]) == ("7", 5)
    assert details["spec"] == {"catalog": "main", "id": "7"}
