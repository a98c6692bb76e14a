"""The kinds of tasks: each turns a task's settings into the work to do."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Callable
from typing import Any

from ..model import NUMBER_OPERATORS, TEXT_OPERATORS, Settings, TaskRun, kind_of
from ..simulation import SIMULATED_RESULTS
from ..task_kinds import SQL_OBJECTS, describe_refusal
from ..task_process.sql import NO_ENGINE
from .context import TaskContext
from .dbt import build_dbt
from .work import CannotRun, ConditionResult, ForEach, NestedRun, ProcessWork, SimulatedWork, Work

_MAX_INPUTS = 5000  # of a for-each task; each is a task run that is kept


def build_work(spec: Settings, context: TaskContext) -> Work:
    """Build the work of a task.

    :param spec: the task's settings with its references resolved.
    :raises CannotRun: the task cannot run here; the message says why.
    """
    kind = kind_of(spec)
    if kind not in _BUILDERS:
        raise CannotRun(describe_refusal(kind))
    return _BUILDERS[kind](spec, context)


def simulate(simulation: dict[str, Any], task: TaskRun) -> SimulatedWork:
    """Build the work of one attempt of a task of a simulated job."""
    fields = {**simulation, **simulation.get("tasks", {}).get(task.key, {})}
    seconds = fields.get("seconds", 0)
    if isinstance(seconds, list):
        seconds = random.uniform(*seconds)  # noqa: S311 (not a secret)
    results = fields.get("result", "SUCCESS")
    if isinstance(results, list):
        results = results[min(task.attempt, len(results) - 1)]
    state = SIMULATED_RESULTS[results]
    output: dict[str, Any] = {}
    if "output" in fields:
        place = "result" if "notebook_task" in task.spec else "logs"
        output = {place: str(fields["output"])}
    if state.result == "FAILED":
        output["error"] = output["error_trace"] = str(fields.get("error", state.message))
    return SimulatedWork(seconds, state, output, fields.get("values", {}))


def _build_condition(spec: Settings, context: TaskContext) -> ConditionResult:
    """Compare as the API documents it: texts for (in)equality, numbers for order."""
    body = spec["condition_task"]
    left, right, name = str(body["left"]), str(body["right"]), body["op"]
    try:
        is_true = (
            TEXT_OPERATORS[name](left, right)
            if name in TEXT_OPERATORS
            else NUMBER_OPERATORS[name](float(left), float(right))
        )
    except ValueError:
        raise CannotRun(
            f"The condition compares {left!r} with {right!r} by {name}, which takes numbers."
        ) from None
    return ConditionResult("true" if is_true else "false")


def _build_for_each(spec: Settings, context: TaskContext) -> ForEach:
    body = spec["for_each_task"]
    try:
        inputs = json.loads(str(body["inputs"]))
    except ValueError:
        raise CannotRun(
            f"The inputs of the for_each_task are not valid JSON: {body['inputs']!r}."
        ) from None
    if not isinstance(inputs, list):
        raise CannotRun(f"The inputs of the for_each_task must be a JSON array, not {inputs!r}.")
    if len(inputs) > _MAX_INPUTS:
        raise CannotRun(
            f"The for_each_task has {len(inputs)} inputs; at most {_MAX_INPUTS} run here."
        )
    return ForEach(body["task"], inputs, int(body.get("concurrency", 1)))


def _build_notebook(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the notebook in its own folder, with its parameters as widgets."""
    body = spec["notebook_task"]
    path = context.find_file(body, "notebook_path", is_notebook=True)
    widgets = context.merge_parameters(body, "base_parameters", "notebook_params")
    return context.build_process("notebook", spec, path.parent, path=str(path), parameters=widgets)


def _build_python(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the file in its own folder; run-now's ``python_params`` replace the task's parameters."""
    body = spec["spark_python_task"]
    path = context.find_file(body, "python_file")
    return context.build_process(
        "script",
        spec,
        path.parent,
        path=str(path),
        parameters=context.list_parameters(body, "python_params"),
    )


def _build_run_job(spec: Settings, context: TaskContext) -> NestedRun:
    body = spec["run_job_task"]
    try:
        job_id = int(body["job_id"])
    except (KeyError, TypeError, ValueError):
        raise CannotRun("The run_job_task needs a 'job_id'.") from None
    return NestedRun(job_id, {key: value for key, value in body.items() if key != "job_id"})


def _build_sql(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the statements of the file with Spark if it is installed, else with DuckDB."""
    body = spec["sql_task"]
    if "file" not in body:
        name = next(each for each in SQL_OBJECTS if each in body)
        raise CannotRun(describe_refusal("sql_task", name))
    engines = ("duckdb", "pyspark")
    if not any(map(importlib.util.find_spec, engines)) or not importlib.util.find_spec("sqlglot"):
        raise CannotRun(NO_ENGINE.format("A sql_task"))
    path = context.find_file(body["file"], "path")
    parameters = context.merge_parameters(body, "parameters", "sql_params")
    return context.build_process("sql", spec, path.parent, path=str(path), parameters=parameters)


def _build_wheel(spec: Settings, context: TaskContext) -> ProcessWork:
    """Call the entry point with the positional parameters, or with ``--name=value`` arguments."""
    body = spec["python_wheel_task"]
    parameters = context.list_parameters(body, "python_params")
    if not parameters:
        named = context.merge_parameters(body, "named_parameters", "python_named_params")
        parameters = [f"--{name}={value}" for name, value in named.items()]
    return context.build_process(
        "wheel",
        spec,
        context.files.root,
        package_name=body["package_name"],
        entry_point=body["entry_point"],
        parameters=parameters,
    )


_BUILDERS: dict[str, Callable[[Settings, TaskContext], Work]] = {
    "condition_task": _build_condition,
    "dbt_task": build_dbt,
    "for_each_task": _build_for_each,
    "notebook_task": _build_notebook,
    "python_wheel_task": _build_wheel,
    "run_job_task": _build_run_job,
    "spark_python_task": _build_python,
    "sql_task": _build_sql,
}
