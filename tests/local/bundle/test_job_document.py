"""Defaults that the CLI fills into a job's document, and fields that it drops."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local import BundleError
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import SCRIPT, bundle_text

CRON = "quartz_cron_expression: '0 0 6 * * ?', timezone_id: UTC"


@pytest.mark.parametrize(
    ("field", "filled"),
    [
        (f"schedule: {{{CRON}}}", {"pause_status": "UNPAUSED"}),
        (f"schedule: {{{CRON}, pause_status: PAUSED}}", {"pause_status": "PAUSED"}),
        ("trigger: {periodic: {interval: 1, unit: DAYS}}", {"pause_status": "UNPAUSED"}),
        ("continuous: {}", {"pause_status": "UNPAUSED"}),
        ("queue: {enabled: false}", {"enabled": False}),
        ("description: ''", None),
        ("tags: {a: ''}", {"a": ""}),
        ("parameters: [{name: a, default: ''}]", [{"name": "a", "default": ""}]),
        ("email_notifications: {on_start: [], unknown: ''}", {"on_start": []}),
    ],
)
def test_document_has_defaults_and_no_empty_texts(load: Load, field: str, filled: Any) -> None:
    value = load(bundle_text(field)).jobs["etl"].settings.get(field.partition(":")[0])
    if isinstance(filled, dict):
        value = {key: each for key, each in (value or {}).items() if key in {*filled, "unknown"}}
    assert value == filled


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("spark_version: x", {"spark_version": "x", "num_workers": 0}),
        ("autoscale: {max_workers: '3'}", {"autoscale": {"max_workers": 3}}),
        ("num_workers: '2', policy_id: ''", {"num_workers": 2}),
        ("node_type_id: n, driver_instance_pool_id: p", {"node_type_id": "n", "num_workers": 0}),
        ("node_type_id: n, instance_pool_id: p", {"instance_pool_id": "p", "num_workers": 0}),
        ("spark_conf: {a: true, b: ''}", {"spark_conf": {"a": "true", "b": ""}, "num_workers": 0}),
    ],
)
def test_document_completes_job_clusters(load: Load, cluster: str, expected: Any) -> None:
    text = bundle_text(f"job_clusters: [{{job_cluster_key: c, new_cluster: {{{cluster}}}, x: 1}}]")
    assert load(text).jobs["etl"].settings["job_clusters"] == [
        {"job_cluster_key": "c", "new_cluster": expected}
    ]


def test_document_of_unnamed_job_has_prefix_only(load: Load) -> None:
    text = f"resources: {{jobs: {{etl: {{tasks: [{{task_key: a, {SCRIPT}}}]}}}}}}\n"
    assert load(text).jobs["etl"].settings["name"] == "Untitled"
    job = load(text + "presets: {name_prefix: p-}").jobs["etl"].settings
    assert job["name"] == "p-"


@pytest.mark.parametrize("key", ["deployment_id", "version_id"])
def test_document_cannot_set_what_a_deployment_sets(load: Load, key: str) -> None:
    with pytest.raises(BundleError) as error:
        load(bundle_text(f"deployment: {{kind: BUNDLE, {key}: x}}"))
    assert str(error.value).startswith(f"databricks.yml:6: {key!r} cannot be set")
