"""The rules that decide whether a task runs, whether it is retried, and how a run ends. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .. import states
from ..model import JobRun, Settings, TaskRun
from ..states import State

_CANCELED = {"CANCELED", "UPSTREAM_CANCELED"}


def have_dependencies_ended(spec: Settings, latest: Mapping[str, TaskRun]) -> bool:
    """Return whether all tasks on which a task depends have ended.

    :param latest: the latest attempt of each task of the run, by key.
    """
    upstream = (latest.get(each["task_key"]) for each in spec.get("depends_on", ()))
    return all(task is None or task.state.is_terminal for task in upstream)


def evaluate_run_if(spec: Settings, latest: Mapping[str, TaskRun]) -> State | None:
    """Return the final state of a task that must not run, or ``None`` if it may run.

    A dependency that is not part of the run (``only``) is ignored. An excluded dependency counts as
    neither succeeded nor failed, and so does a condition with the other outcome.

    :param latest: the latest attempt of each task, by key; the dependencies have ended.
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
    for task, required_outcome in dependencies:
        if task.state.is_failure:
            failed += 1
        elif not task.state.is_success or (required_outcome and required_outcome != task.outcome):
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
        failures = [task.state for task, _ in dependencies if task.state.is_failure]
        is_canceled = all(each.result in _CANCELED for each in failures)
        return states.UPSTREAM_CANCELED if is_canceled else states.UPSTREAM_FAILED
    return states.EXCLUDED


def compute_final_state(tasks: Collection[TaskRun]) -> State:
    """Return the final state of a run that was not stopped.

    Its leaves decide: the tasks on which no other task depends.

    :param tasks: the latest attempt of each task; all have ended.
    """
    inner = {each["task_key"] for task in tasks for each in task.spec.get("depends_on", ())}
    failures = [task for task in tasks if task.state.is_failure]
    if not failures:
        return states.SUCCESS
    if all(task.key in inner for task in failures):
        return states.SUCCESS_WITH_FAILURES
    # After a repair of the failed tasks alone, only those are left that were skipped.
    causes = [each for each in failures if not each.state.result.startswith("UPSTREAM_")]
    causes = causes or failures
    if all(task.state.result in _CANCELED for task in causes):
        return states.CANCELED
    cause = next(task for task in causes if task.state.result not in _CANCELED)
    return states.run_failed(
        cause.key, cause.state.message, skipped_others=len(failures) > len(causes)
    )


def compute_nested_state(run: JobRun) -> State:
    """Return the final state of the task that has started a run, which has ended."""
    state = run.state
    if state.is_success:
        return states.SUCCESS
    if state.result in {"CANCELED", "TIMEDOUT"}:
        return State("TERMINATED", state.result, state.code, state.message)
    return states.FAILED.because(f"Run {run.run_id} of job {run.job_id} failed: {state.message}")


def compute_loop_state(iterations: Collection[TaskRun]) -> State:
    """Return the final state of a for-each task from the latest attempts of its iterations."""
    failed = sum(each.state.is_failure for each in iterations)
    if not failed:
        return states.SUCCESS
    return states.FAILED.because(
        f"{failed} of {len(iterations)} iterations failed, see their output for details"
    )


def may_retry(task: TaskRun) -> bool:
    """Return whether another attempt follows a task that has ended."""
    limit = task.spec.get("max_retries", 0)
    if limit != -1 and task.retry >= limit:
        return False
    if task.state.result == "TIMEDOUT":
        return bool(task.spec.get("retry_on_timeout", False))
    return task.state.result == "FAILED" and task.state.code != "INVALID_RUN_CONFIGURATION"


def earliest_retry(task: TaskRun, now: float) -> float:
    """Return the moment, in seconds since the epoch, before which no other attempt begins.

    The documentation of the field counts from the start of the failed attempt. If the clock was put
    back behind that start, the interval counts from now.
    """
    interval: float = task.spec.get("min_retry_interval_millis", 0) / 1000
    return max(now, min(now, task.start_time / 1000) + interval)


def select_keys(tasks: list[Settings], only: list[str]) -> set[str]:
    """Return the keys of the tasks that ``only`` selects.

    ``key`` selects one task, ``+key`` also its upstream tasks, ``key+`` also its downstream tasks.

    :raises KeyError: no task has the key.
    """
    upstream = {
        task["task_key"]: {each["task_key"] for each in task.get("depends_on", ())}
        for task in tasks
    }
    downstream: dict[str, set[str]] = {key: set() for key in upstream}
    for key, parents in upstream.items():
        for parent in parents & downstream.keys():
            downstream[parent].add(key)
    keys = {selector: selector.strip("+") for selector in only}
    for key in keys.values():
        if key not in upstream:
            raise KeyError(key)
    return {
        *keys.values(),
        *_find_reachable((key for each, key in keys.items() if each.startswith("+")), upstream),
        *_find_reachable((key for each, key in keys.items() if each.endswith("+")), downstream),
    }


def _find_reachable(starts: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    """Return all keys that are reached from one of ``starts`` along ``edges``."""
    found: set[str] = set()
    pending = list(starts)
    while pending:
        for key in edges.get(pending.pop(), set()) - found:
            found.add(key)
            pending.append(key)
    return found
