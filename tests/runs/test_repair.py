"""Arguments of a repair."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs.runs.repair import build_repair_arguments
from tests.run_documents import FAILED, run


def build(repaired: Run) -> dict[str, Any]:
    return build_repair_arguments(repaired, rerun_tasks=None, rerun_dependent_tasks=None)


def test_build_repair_arguments_without_tasks_reruns_all_failed_tasks() -> None:
    arguments = build(run(FAILED))
    assert arguments["rerun_all_failed_tasks"] is True
    assert arguments["rerun_tasks"] is None
    assert arguments["latest_repair_id"] is None


def test_build_repair_arguments_with_tasks_reruns_only_those() -> None:
    arguments = build_repair_arguments(
        run(FAILED), rerun_tasks=("load",), rerun_dependent_tasks=True
    )
    assert arguments["rerun_tasks"] == ["load"]
    assert arguments["rerun_dependent_tasks"] is True
    assert arguments["rerun_all_failed_tasks"] is None


def test_build_repair_arguments_names_the_latest_repair() -> None:
    history = [{"type": "ORIGINAL"}, {"type": "REPAIR", "id": 5}, {"id": 6}]
    assert build(run(FAILED, repair_history=history))["latest_repair_id"] == 6


def test_build_repair_arguments_repeats_the_parameters_of_the_run() -> None:
    arguments = build(
        run(
            FAILED,
            overriding_parameters={"notebook_params": {"day": "2025-01-01"}, "jar_params": []},
            job_parameters=[
                {"name": "full", "default": "false", "value": "true"},
                {"name": "left", "default": "alone"},
            ],
        )
    )
    assert arguments["notebook_params"] == {"day": "2025-01-01"}
    assert arguments["job_parameters"] == {"full": "true"}
    assert "jar_params" not in arguments
