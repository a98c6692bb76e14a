"""What a run does next: pure decisions over the states of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import states
from ..bundle.dependencies import find_reachable
from ..model import JobRun, Settings, TaskRun
from ..states import State


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about a task whose dependencies have all ended: it starts, or it ends
    unrun.
    """

    task: TaskRun
    ending: State | None = None


def decide(run: JobRun) -> list[Verdict]:
    """The verdicts that are due now.

    :return: one verdict for each blocked task all of whose dependencies have ended.
    """
    latest = run.latest_attempts()
    return [
        Verdict(task, ending_without_run(task.spec, latest))
        for task in latest.values()
        if task.state.life_cycle == "BLOCKED" and _dependencies_ended(task.spec, latest)
    ]


def _dependencies_ended(spec: Settings, latest: Mapping[str, TaskRun]) -> bool:
    upstream = (latest.get(each["task_key"]) for each in spec.get("depends_on", ()))
    return all(task is None or task.state.is_terminal for task in upstream)


def ending_without_run(spec: Settings, latest: Mapping[str, TaskRun]) -> State | None:
    """How a task ends that may not run, or ``None`` if it may.

    A dependency that is no part of this run (``only``) does not hold the task up. One that was
    excluded
    counts as neither succeeded nor failed, and so does a condition that went the other way.

    :param spec: the task's settings.
    :param latest: the newest attempt of each task, by key; those depended on have ended.
    """
    if spec.get("disabled"):
        return states.DISABLED
    dependencies = [
        (latest[each["task_key"]], each.get("outcome"))
        for each in spec.get("depends_on", ())
        if each["task_key"] in latest
    ]
    if not dependencies:
        return None
    succeeded = excluded = failed = 0
    for task, wanted_outcome in dependencies:
        if task.state.is_failure:
            failed += 1
        elif not task.state.is_success or (wanted_outcome and wanted_outcome != task.outcome):
            excluded += 1
        else:
            succeeded += 1
    rule = spec.get("run_if", "ALL_SUCCESS")
    may_run = {
        "ALL_SUCCESS": failed == excluded == 0,
        "ALL_DONE": True,
        "NONE_FAILED": failed == 0 and succeeded > 0,
        "AT_LEAST_ONE_SUCCESS": succeeded > 0,
        "ALL_FAILED": succeeded == excluded == 0,
        "AT_LEAST_ONE_FAILED": failed > 0,
    }[rule]
    if may_run:
        return None
    if failed and rule in {"ALL_SUCCESS", "NONE_FAILED", "AT_LEAST_ONE_SUCCESS"}:
        upstream = [task.state for task, _ in dependencies if task.state.is_failure]
        canceled = all(each.result in {"CANCELED", "UPSTREAM_CANCELED"} for each in upstream)
        return states.UPSTREAM_CANCELED if canceled else states.UPSTREAM_FAILED
    return states.EXCLUDED


def verdict_on_run(run: JobRun) -> State:
    """How a run ends whose tasks have all ended. Its leaves decide: tasks on which no other
    depends.
    """
    latest = run.latest_attempts()
    if run.ending == "CANCELED":
        return states.CANCELED
    if run.ending == "TIMEDOUT":
        return states.TIMED_OUT
    inner = {
        each["task_key"] for task in latest.values() for each in task.spec.get("depends_on", ())
    }
    failures = [task for task in latest.values() if task.state.is_failure]
    if not failures:
        return states.SUCCESS
    if not any(task.key not in inner for task in failures):
        return states.SUCCESS_WITH_FAILURES
    causes = [task for task in failures if not task.state.result.startswith("UPSTREAM_")]
    if all(task.state.result == "CANCELED" for task in causes):
        return states.CANCELED
    cause = next(task for task in causes if task.state.result != "CANCELED")
    return states.run_failed(
        cause.key, cause.state.message, skipped_others=len(failures) > len(causes)
    )


def retries_left(task: TaskRun) -> bool:
    """Whether a task that has just ended is to be tried once more."""
    limit = task.spec.get("max_retries", 0)
    if limit != -1 and task.retry >= limit:
        return False
    if task.state.result == "TIMEDOUT":
        return bool(task.spec.get("retry_on_timeout", False))
    return task.state.result == "FAILED" and task.state.code != "INVALID_RUN_CONFIGURATION"


def selected_keys(tasks: list[Settings], only: list[str]) -> set[str]:
    """The tasks that ``only`` names: ``key``, ``+key`` with all upstream, ``key+`` with all
    downstream.

    :raises KeyError: the key that no task has.
    """
    upstream = {
        task["task_key"]: {each["task_key"] for each in task.get("depends_on", ())}
        for task in tasks
    }
    downstream: dict[str, set[str]] = {key: set() for key in upstream}
    for key, parents in upstream.items():
        for parent in parents & downstream.keys():
            downstream[parent].add(key)
    selected: set[str] = set()
    for selector in only:
        key = selector.strip("+")
        if key not in upstream:
            raise KeyError(key)
        selected.add(key)
        if selector.startswith("+"):
            selected |= find_reachable(key, upstream)
        if selector.endswith("+"):
            selected |= find_reachable(key, downstream)
    return selected
