"""Defaults that the CLI fills into a job's document, and fields that it drops."""

from __future__ import annotations

from typing import Any

import pytest

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


def test_document_of_unnamed_job_has_prefix_only(load: Load) -> None:
    text = f"resources: {{jobs: {{etl: {{tasks: [{{task_key: a, {SCRIPT}}}]}}}}}}\n"
    assert load(text).jobs["etl"].settings["name"] == "Untitled"
    job = load(text + "presets: {name_prefix: p-}").jobs["etl"].settings
    assert job["name"] == "p-"
