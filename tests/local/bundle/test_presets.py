"""Presets of a target."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.bundle.bundle_error import BundleError
from flask_lakeflow_jobs.local.bundle.presets import Presets, read_presets
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import FILE, bundle_text, locate

DEVELOPMENT = Presets("[dev me] ", {"dev": "me"}, "PAUSED", 4)


@pytest.mark.parametrize(
    ("presets", "mode", "expected"),
    [
        ({}, None, Presets()),
        ({}, "production", Presets()),
        ({}, "development", DEVELOPMENT),
        ({"tags": None, "name_prefix": None}, "development", DEVELOPMENT),
        (
            {
                "name_prefix": "me: ",
                "trigger_pause_status": "PAUSED",
                "jobs_max_concurrent_runs": 7,
                "tags": {"dev": "x", "rows": 5},
            },
            "development",
            Presets("me: ", {"dev": "x", "rows": "5"}, "PAUSED", 7),
        ),
        ({"name_prefix": 5, "tags": {"a": True}}, None, Presets("5", {"a": "true"})),
    ],
)
def test_read_presets_of_mode(presets: Any, mode: str | None, expected: Presets) -> None:
    bundle = locate({"mode": mode} if mode else {})
    assert read_presets(locate(presets), bundle, "me") == expected


@pytest.mark.parametrize(
    ("presets", "bundle", "message"),
    [
        ({}, {"mode": "dev"}, "Unknown mode 'dev'. Use 'development' or 'production'."),
        (
            {"trigger_pause_status": "NO"},
            {},
            "'trigger_pause_status' is one of PAUSED, UNPAUSED, not 'NO'.",
        ),
        (
            {"trigger_pause_status": "UNPAUSED"},
            {"mode": "development"},
            (
                "A target with 'mode: development' cannot set 'trigger_pause_status' to UNPAUSED. "
                "Remove it, or set 'pause_status' of single jobs."
            ),
        ),
        ({"name_prefix": ["x"]}, {}, "'name_prefix' has to be a string."),
        ({"tags": []}, {}, "'tags' of the presets has to be a mapping."),
        (
            {"jobs_max_concurrent_runs": "many"},
            {},
            "'jobs_max_concurrent_runs' has to be a number, not 'many'.",
        ),
    ],
)
def test_read_presets_refuses_value(presets: Any, bundle: Any, message: str) -> None:
    with pytest.raises(BundleError) as error:
        read_presets(locate(presets, 4), locate(bundle, 4), "me")
    assert (error.value.message, error.value.location) == (message, (FILE, 4))


@pytest.mark.parametrize(
    ("presets", "settings", "expected"),
    [
        (Presets(), {"name": "a"}, {"name": "a"}),
        (
            DEVELOPMENT,
            {"name": "a", "tags": {"dev": "mine"}, "schedule": {}, "trigger": {"x": 1}},
            {
                "name": "[dev me] a",
                "tags": {"dev": "mine"},
                "schedule": {"pause_status": "PAUSED"},
                "trigger": {"x": 1, "pause_status": "PAUSED"},
                "max_concurrent_runs": 4,
            },
        ),
        (
            DEVELOPMENT,
            {"name": "a", "max_concurrent_runs": 1, "continuous": {"pause_status": "UNPAUSED"}},
            {
                "name": "[dev me] a",
                "tags": {"dev": "me"},
                "max_concurrent_runs": 1,
                "continuous": {"pause_status": "UNPAUSED"},
            },
        ),
    ],
)
def test_apply_presets_keeps_values_of_job(presets: Presets, settings: Any, expected: Any) -> None:
    settings = locate(settings)
    presets.apply(settings)
    assert settings == expected


@pytest.mark.parametrize(
    ("kind", "prefix", "name", "expected"),
    [
        ("schemas", "", "raw", "raw"),
        ("schemas", "[dev jo_doe] ", "raw", "dev_jo_doe_raw"),
        ("schemas", "Jo: ", "raw", "joraw"),
        ("registered_models", "[A-b]", "raw", "a_b_raw"),
        ("model_serving_endpoints", "[dev jo]", "raw", "dev_jo_raw"),
        ("pipelines", "[dev jo] ", "a/b", "[dev jo] a/b"),
        ("experiments", "[dev jo] ", "raw", "[dev jo] raw"),
        ("experiments", "[dev jo] ", "/Users/jo/raw", "/Users/jo/[dev jo] raw"),
    ],
)
def test_format_name_prefix_fits_the_kind(kind: str, prefix: str, name: str, expected: str) -> None:
    assert Presets(prefix).format_name(kind, name) == expected


TARGETS = """
targets:
  dev: {mode: development, default: true}
  named:
    mode: development
    presets: {name_prefix: "${workspace.current_user.short_name}: ", tags: {team: "${bundle.name}"}}
  prod: {mode: production}
  chosen: {mode: "${var.mode}"}
variables: {mode: {default: development}}
"""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, ("[dev jo_doe] etl", {"dev": "jo_doe"}, 4)),
        ("named", ("jo_doe: etl", {"dev": "jo_doe", "team": "sales"}, 4)),
        ("prod", ("etl", None, 1)),
        ("chosen", ("[dev jo_doe] etl", {"dev": "jo_doe"}, 4)),
    ],
)
def test_load_bundle_applies_presets_of_target(
    load: Load, target: str | None, expected: tuple[Any, ...]
) -> None:
    for more in (TARGETS, TARGETS.replace("targets:", "environments:")):
        job = load(bundle_text(more=more), target).jobs["etl"].settings
        assert (job["name"], job.get("tags"), job["max_concurrent_runs"]) == expected
