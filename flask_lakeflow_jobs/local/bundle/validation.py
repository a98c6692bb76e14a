"""What makes a job's settings impossible to run, wherever they come from: the bundle or the API."""
# MERGED """Something wrong in a job's settings, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..model import OPERATORS, RUN_IF_RULES, TASK_KINDS, Settings
from ..simulation import SIMULATION_TAG, SimulationError, read_simulation
from .types import FieldError, Path, misshapen_job, misshapen_parameter, misshapen_task

_TASK_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LARGEST_CONCURRENCY = 100


def validate_settings(settings: Settings) -> Iterator[FieldError]:
    """All that is wrong with the tasks of a job, in the order of the text."""
    yield from _mistakes_in_job(settings)
    tasks = settings.get("tasks")
    if not isinstance(tasks, list) or not tasks:
        yield FieldError(("tasks",), "The job has no tasks. List at least one under 'tasks'.")
        return
    malformed = False
    keys: dict[str, int] = {}
    for index, task in enumerate(tasks):
        path = ("tasks", index)
        for mistake in _mistakes_in_task(task, path):
            malformed = True
            yield mistake
        if isinstance(task, dict) and isinstance(key := task.get("task_key"), str):
            if key in keys:
                malformed = True
                yield FieldError(
                    (*path, "task_key"),
                    f"Two tasks have the key {key!r}. Each task of a job needs a key of its own.",
                )
            keys.setdefault(key, index)
    if malformed:
        return
    unknown = list(_unknown_dependencies(tasks, keys))
    yield from unknown
    if not unknown and (cycle := _find_cycle(tasks)):
        yield FieldError(
            ("tasks", keys[cycle[0]], "depends_on"),
            f"The tasks depend on each other in a circle: {' -> '.join(cycle)}.",
        )


def find_undefined_keys(settings: Settings) -> Iterator[FieldError]:
    """The names of clusters and environments that no task can have, for the job has none such.

    :param settings: of a job without mistakes.
    """
    for field, section in (
        ("job_cluster_key", "job_clusters"),
        ("environment_key", "environments"),
    ):
        known = {each.get(field) for each in settings.get(section) or () if isinstance(each, dict)}
        for index, task in enumerate(settings["tasks"]):
            if task.get(field) is not None and task[field] not in known:
                yield FieldError(
                    ("tasks", index, field),
                    f"Task {task['task_key']!r} names the {field} {task[field]!r}, which is not "
                    f"among the job's {section!r}. A workspace refuses that.",
                )


def _mistakes_in_job(settings: Settings) -> Iterator[FieldError]:
    if not isinstance(settings.get("name", ""), str):
        yield FieldError(("name",), "The name of a job has to be a text.")
    for field, limit in (("max_concurrent_runs", 1000), ("timeout_seconds", None)):
        value = settings.get(field, 0)
        if not _is_number(value, 0) or (limit is not None and value > limit):
            upper = f" to {limit}" if limit else " on"
            yield FieldError(
                (field,), f"{field!r} has to be a number from 0{upper}, not {value!r}."
            )
    yield from misshapen_job(settings)
    yield from _mistakes_in_parameters(settings.get("parameters", []))
    if not isinstance(settings.get("tags", {}), (dict, type(None))):
        yield FieldError(("tags",), "'tags' has to be a mapping.")
        return
    try:
        read_simulation(settings)
    except SimulationError as error:
        yield FieldError(("tags", SIMULATION_TAG), str(error))


def _mistakes_in_parameters(parameters: Any) -> Iterator[FieldError]:
    if not isinstance(parameters, list) or not all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in parameters
    ):
        yield FieldError(
            ("parameters",), "'parameters' has to be a list of mappings with a 'name'."
        )
        return
    names: set[str] = set()
    for index, each in enumerate(parameters):
        path = ("parameters", index)
        if each["name"] in names:
            yield FieldError(path, f"Two parameters of the job have the name {each['name']!r}.")
        names.add(each["name"])
        yield from misshapen_parameter(each, path)


def _mistakes_in_task(task: Any, path: Path) -> Iterator[FieldError]:
    if not isinstance(task, dict):
        yield FieldError(path, "A task has to be a mapping with a 'task_key'.")
        return
    key = task.get("task_key")
    if not isinstance(key, str) or not key:
        yield FieldError(path, "The task has no 'task_key'.")
        return
    if not _TASK_KEY.fullmatch(key):
        yield FieldError(
            (*path, "task_key"),
            f"The task_key {key!r} may hold only letters, digits, '_' and '-', and at most 100 of "
            "them.",
        )
    given = [name for name in task if name.endswith("_task")]
    for name in given:
        if name not in TASK_KINDS:
            yield FieldError((*path, name), f"Task {key!r} is of the unknown kind {name!r}.")
            return
        if not isinstance(task[name], dict):
            yield FieldError((*path, name), f"{name!r} of task {key!r} has to be a mapping.")
            return
    if len(given) != 1:
        problem = f"has {len(given)} kinds ({', '.join(given)})" if given else "has no kind"
        yield FieldError(path, f"Task {key!r} {problem}. Give it one, such as 'notebook_task'.")
        return
    for field in ("timeout_seconds", "min_retry_interval_millis"):
        if not _is_number(task.get(field, 0), 0):
            yield FieldError(
                (*path, field), f"{field!r} of task {key!r} has to be a number from 0 on."
            )
    if not _is_number(task.get("max_retries", 0), -1):
        yield FieldError(
            (*path, "max_retries"), f"'max_retries' of task {key!r} has to be a number."
        )
    rule = task.get("run_if", "ALL_SUCCESS")
    if rule not in RUN_IF_RULES:
        yield FieldError(
            (*path, "run_if"),
            f"Task {key!r} has the unknown run_if {rule!r}. It is one of "
            f"{', '.join(RUN_IF_RULES)}.",
        )
    dependencies = task.get("depends_on", [])
    if not isinstance(dependencies, list) or not all(
        isinstance(each, dict) and isinstance(each.get("task_key"), str) for each in dependencies
    ):
        yield FieldError(
            (*path, "depends_on"),
            f"'depends_on' of task {key!r} has to be a list of mappings with a 'task_key'.",
        )
    yield from misshapen_task(task, path)
    yield from _mistakes_in_kind(key, given[0], task[given[0]], (*path, given[0]))


_REQUIRED_TEXTS = {
    "notebook_task": ("notebook_path",),
    "python_wheel_task": ("package_name", "entry_point"),
    "spark_python_task": ("python_file",),
}

_CONTAINERS: dict[str, type | tuple[type, ...]] = {
    "base_parameters": dict,
    "named_parameters": dict,
    "parameters": (dict, list),
}


def _mistakes_in_kind(key: str, kind: str, body: Settings, path: Path) -> Iterator[FieldError]:
    for field in _REQUIRED_TEXTS.get(kind, ()):
        if not isinstance(body.get(field), str) or not body[field]:
            yield FieldError(path, f"The {kind} of task {key!r} needs a {field!r}.")
    for field, types in _CONTAINERS.items():
        if body.get(field) is not None and not isinstance(body[field], types):
            yield FieldError((*path, field), f"{field!r} of task {key!r} is of the wrong type.")
    if kind == "condition_task":
        yield from _mistakes_in_condition(key, body, path)
    if kind == "for_each_task":
        yield from _mistakes_in_repetition(key, body, path)


def _mistakes_in_condition(key: str, body: Settings, path: Path) -> Iterator[FieldError]:
    if body.get("op") not in OPERATORS:
        yield FieldError(
            (*path, "op"),
            f"The condition_task of task {key!r} has the unknown op {body.get('op')!r}. It is one "
            f"of {', '.join(OPERATORS)}.",
        )
    for field in ("left", "right"):
        if field not in body:
            yield FieldError(path, f"The condition_task of task {key!r} needs a {field!r}.")


def _mistakes_in_repetition(key: str, body: Settings, path: Path) -> Iterator[FieldError]:
    if "inputs" not in body or "task" not in body:
        yield FieldError(path, f"The for_each_task of task {key!r} needs 'inputs' and a 'task'.")
        return
    inner = body["task"]
    yield from _mistakes_in_task(inner, (*path, "task"))
    if isinstance(inner, dict) and "for_each_task" in inner:
        yield FieldError(
            (*path, "task"), f"The for_each_task of task {key!r} cannot hold another for_each_task."
        )
    concurrency = body.get("concurrency")
    if concurrency is not None and (
        not _is_number(concurrency, 1) or concurrency > _LARGEST_CONCURRENCY
    ):
        yield FieldError(
            (*path, "concurrency"),
            f"'concurrency' of task {key!r} has to be a number from 1 to {_LARGEST_CONCURRENCY}.",
        )


def _is_number(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _unknown_dependencies(tasks: list[Settings], keys: dict[str, int]) -> Iterator[FieldError]:
    for index, task in enumerate(tasks):
        for position, dependency in enumerate(task.get("depends_on", ())):
            if dependency["task_key"] not in keys:
                yield FieldError(
                    ("tasks", index, "depends_on", position),
                    f"Task {task['task_key']!r} depends on {dependency['task_key']!r}, which is "
                    "no task "
                    f"of this job. Its tasks: {', '.join(keys)}.",
                )


def _find_cycle(tasks: list[Settings]) -> list[str]:
    parents = {
        task["task_key"]: [each["task_key"] for each in task.get("depends_on", ())]
        for task in tasks
    }
    while removable := [
        key for key, above in parents.items() if not any(each in parents for each in above)
    ]:
        for key in removable:
            del parents[key]
    if not parents:
        return []
    trail = [next(iter(parents))]
    while True:
        following = next(each for each in parents[trail[-1]] if each in parents)
        if following in trail:
            return [*trail[trail.index(following) :], following]
        trail.append(following)
