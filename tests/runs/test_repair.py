"""Repairs: the tasks that one reruns, and its arguments."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run, RunResultState

from flask_lakeflow_jobs import Conflict
from flask_lakeflow_jobs.runs.repair import build_repair_arguments, plan_repair
from tests.run_documents import FAILED, SUCCEEDED, run, run_state


def build(repaired: Run) -> dict[str, Any]:
    return build_repair_arguments(repaired, rerun_tasks=None, rerun_dependent_tasks=None)


def test_build_repair_arguments_without_tasks_reruns_all_failed_tasks() -> None:
    arguments = build(run(FAILED))
    assert arguments["rerun_all_failed_tasks"] is True
    assert arguments["rerun_tasks"] is None
    assert arguments["latest_repair_id"] is None
    assert "job_parameters" not in arguments


def test_build_repair_arguments_with_tasks_reruns_only_those() -> None:
    arguments = build_repair_arguments(
        run(FAILED), rerun_tasks=("load",), rerun_dependent_tasks=True
    )
    assert arguments["rerun_tasks"] == ["load"]
    assert arguments["rerun_dependent_tasks"] is True
    assert arguments["rerun_all_failed_tasks"] is None


@pytest.mark.parametrize(
    ("state", "rerun_tasks", "message"),
    [
        (run_state("RUNNING"), None, "has not ended"),
        (run_state("RUNNING"), ["load"], "has not ended"),
        (SUCCEEDED, None, "Name the tasks"),
        (SUCCEEDED, ["load"], None),
        (FAILED, None, None),
    ],
)
def test_build_repair_arguments_refuses_what_cannot_be_repaired(
    state: dict[str, Any], rerun_tasks: list[str] | None, message: str | None
) -> None:
    refused = pytest.raises(Conflict, match=message) if message else nullcontext()
    with refused:
        build_repair_arguments(run(state), rerun_tasks=rerun_tasks, rerun_dependent_tasks=None)


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


def test_build_repair_arguments_replaces_given_parameters() -> None:
    repaired = run(
        FAILED,
        overriding_parameters={"python_params": ["a", "b"]},
        job_parameters=[{"name": "day", "value": "old"}, {"name": "full", "value": "true"}],
    )
    fields = {"job_parameters": {"day": "new"}, "python_params": ["c"], "sql_params": {"x": "1"}}
    arguments = build_repair_arguments(
        repaired, rerun_tasks=None, rerun_dependent_tasks=None, fields=fields
    )
    assert arguments["job_parameters"] == {"day": "new", "full": "true"}
    assert arguments["python_params"] == ["c"]
    assert arguments["sql_params"] == {"x": "1"}


def task(key: str, result: str, *after: str, attempt: int = 0) -> dict[str, Any]:
    return {
        "task_key": key,
        "attempt_number": attempt,
        "depends_on": [{"task_key": each} for each in after],
        "state": {"life_cycle_state": "TERMINATED", "result_state": result},
    }


#: Two chains: one fails at ``load``, whose first attempt timed out, the other one succeeds.
TASKS = [
    task("fetch", "SUCCESS"),
    task("load", "TIMEDOUT", "fetch"),
    task("load", "FAILED", "fetch", attempt=1),
    task("report", "UPSTREAM_FAILED", "load"),
    task("skipped", "EXCLUDED", "fetch"),
    task("other", "SUCCESS"),
    task("last", "SUCCESS", "other"),
    task("mail", "SUCCESS", "last", "skipped"),
]


@pytest.mark.parametrize("result", RunResultState)
def test_repair_reruns_each_task_without_success_that_the_job_includes(
    result: RunResultState,
) -> None:
    [planned] = plan_repair(run(FAILED, tasks=[task("load", result.value)]))
    spared = ("SUCCESS", "SUCCESS_WITH_FAILURES", "EXCLUDED", "DISABLED")
    assert bool(planned.reason) is (result.value not in spared)


FAILED_TASKS = {"load": "failed", "report": "upstream failed"}


@pytest.mark.parametrize(
    ("tasks", "dependents", "reasons"),
    [
        (None, False, FAILED_TASKS),
        (None, True, FAILED_TASKS),
        (["other"], False, {"other": "chosen"}),
        (
            ["other"],
            True,
            {"other": "chosen", "last": "depends on other", "mail": "depends on last"},
        ),
        (
            ["fetch", "last"],
            True,
            {
                "fetch": "chosen",
                "load": "depends on fetch",
                "report": "depends on load",
                "skipped": "depends on fetch",
                "last": "chosen",
                "mail": "depends on last, skipped",
            },
        ),
        ([], True, {}),
    ],
)
def test_plan_repair_says_which_tasks_rerun_and_why(
    tasks: list[str] | None, dependents: bool, reasons: dict[str, str]
) -> None:
    plan = plan_repair(run(FAILED, tasks=TASKS), tasks, dependents=dependents)
    assert [each.key for each in plan] == [
        *("fetch", "load", "report", "skipped", "other", "last", "mail")
    ]
    assert {each.key: each.reason for each in plan if each.reason} == reasons
