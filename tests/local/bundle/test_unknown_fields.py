"""Fields of a job that are not known, and keys that are not defined."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.bundle.validation import find_unknown_fields
from flask_lakeflow_jobs.local.bundle.yaml import load_yaml
from tests.local.bundle.conftest import Load
from tests.local.bundle.settings import job, loop, task
from tests.local.bundle.support import SCRIPT, bundle_text, locate, write_file


@pytest.mark.parametrize(
    ("tree", "field"),
    [
        ({"jobs": {}}, "The bundle has the unknown field 'jobs'"),
        ({"bundle": {"names": 1}}, "The 'bundle' has the unknown field 'names'"),
        ({"presets": {"prefix": 1}}, "The 'presets' has the unknown field 'prefix'"),
        ({"variables": {"a": {"defaults": 1}}}, "The variable has the unknown field 'defaults'"),
        ({"targets": {"a": {"preset": 1}}}, "The target has the unknown field 'preset'"),
        (
            {"targets": {"a": {"presets": {"prefix": 1}}}},
            "The 'presets' has the unknown field 'prefix'",
        ),
    ],
)
def test_find_unknown_fields_of_document(tree: Any, field: str) -> None:
    ((message, location),) = find_unknown_fields(locate(tree, 5))
    assert message.startswith(f"{field}, which is ignored.")
    assert location is not None
    assert location[1] == 5


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"max_retries": 5}, "The job has the unknown field 'max_retries'"),
        (job({"timeout": 5}), "The task has the unknown field 'timeout'"),
        (
            job(task(spark_python_task={"arguments": []})),
            "The spark_python_task has the unknown field 'arguments'",
        ),
        (
            job(task(**loop(task(notebook_task={"path": ""})))),
            "The notebook_task has the unknown field 'path'",
        ),
    ],
)
def test_find_unknown_fields_of_job(fields: Any, unknown: str) -> None:
    resources = {"resources": {"jobs": {"etl": fields}}}
    for tree in (resources, {"targets": {"dev": resources}}):
        ((message, _),) = find_unknown_fields(locate(tree))
        assert message.startswith(f"{unknown}, which is ignored.")


@pytest.mark.parametrize(
    "tree",
    [
        {"targets": {"a": None, "b": 5}, "variables": [], "resources": {"jobs": {"a": 5}}},
        {"resources": {"jobs": {"etl": job(task(spark_jar_task={"anything": 5}))}}},
        {"resources": {"jobs": {"etl": {"queue": {"anything": 5}}}, "pipelines": {"x": {}}}},
        {"workspace": {"anything": 5}, "sync": {"anything": 5}},
    ],
)
def test_find_unknown_fields_ignores_open_mappings(tree: Any) -> None:
    assert list(find_unknown_fields(locate(tree))) == []


def test_find_unknown_fields_suggests_similar_name() -> None:
    ((message, _),) = find_unknown_fields(locate({"resource": {}}))
    assert message.endswith("which is ignored. Did you mean 'resources'?")


def test_find_unknown_fields_ignores_anchored_values(load: Load, tmp_path: Any) -> None:
    anchors = "x-defaults: &d {max_retries: 3}\nx-list: [&a {name: a}]\n"
    text = anchors + bundle_text(task=f"<<: *d, {SCRIPT}")
    assert list(find_unknown_fields(load_yaml(write_file(tmp_path, text)))) == []
    bundle = load(text)
    assert bundle.warnings == ()
    assert bundle.jobs["etl"].settings["tasks"][0]["max_retries"] == 3
