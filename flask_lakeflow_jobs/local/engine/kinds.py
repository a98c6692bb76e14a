"""The kinds of tasks: each turns a task's settings into the work to do."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..model import NUMBER_OPERATORS, TEXT_OPERATORS, Settings, TaskRun, kind_of
from ..simulation import SIMULATED_RESULTS
from .compute import find_import_paths, find_local_libraries, read_environment
from .files import FileMissing, WorkspaceFiles
from .packages import Packages, list_requirements
from .templating import format_value
from .work import CannotRun, ConditionResult, ForEach, NestedRun, ProcessWork, SimulatedWork, Work

_MAX_INPUTS = 5000  # of a for-each task; each is a task run that is kept


@dataclass(frozen=True, slots=True)
class TaskContext:
    """The surroundings of a task when it starts.

    :param settings: the settings of the job.
    :param job_parameters: the job's parameters with the values of this run.
    :param overriding: the task parameters of run-now (``notebook_params`` …).
    :param task_values: the values that earlier tasks have set, by task key.
    :param run: the run and the task, by the names of Databricks' tags.
    """

    settings: Settings
    files: WorkspaceFiles
    packages: Packages
    job_parameters: Mapping[str, str]
    overriding: Mapping[str, Any]
    task_values: Mapping[str, Mapping[str, Any]]
    run: Mapping[str, Any]

    def find_file(self, body: Settings, field: str, *, is_notebook: bool = False) -> Path:
        """Return the file that a field of a task's settings names.

        :raises CannotRun: the file does not exist.
        """
        find = self.files.find_notebook if is_notebook else self.files.find
        try:
            return find(body[field])
        except FileMissing as error:
            git = self.settings.get("git_source") or {}
            if not git or body.get("source") == "WORKSPACE":
                raise CannotRun(str(error)) from None
            raise CannotRun(
                f"{error} It does not clone {git.get('git_url')}: check the repository out around "
                "the bundle, or remove 'git_source' here."
            ) from None

    def build_process(self, kind: str, spec: Settings, folder: Path, **fields: Any) -> ProcessWork:
        """Build the payload of a kind from the fields that all kinds share and its own ones.

        :param folder: the working directory, and the first place to import from.
        """
        libraries = [
            path
            for library in find_local_libraries(self.settings, spec)
            for path in find_import_paths(self.files.to_local_path(library))
        ]
        requirements = list_requirements(self.settings, spec)
        files = tuple(str(self.files.to_local_path(file)) for file in requirements.files)
        requirements = replace(requirements, files=files)
        if (installed := self.packages.find_folder(requirements)) is not None:
            libraries.append(str(installed))
        return ProcessWork(
            {
                "kind": kind,
                "folder": str(folder),
                "root": str(self.files.root),
                "libraries": list(dict.fromkeys(libraries)),
                "requirements": requirements.to_list(),
                "has_own_packages": installed is not None,
                "environment": self.files.localize(read_environment(self.settings, spec)),
                "mounts": self.files.mounts,
                "task_values": self.task_values,
                "run": self.run,
                **fields,
            },
            requirements,
        )


def build_work(spec: Settings, context: TaskContext) -> Work:
    """Build the work of a task.

    :param spec: the task's settings with its references resolved.
    :raises CannotRun: the task cannot run here; the message says why.
    """
    kind = kind_of(spec)
    if kind not in _BUILDERS:
        raise CannotRun(
            f"The local workspace cannot run a {kind}. Run it on Databricks, or simulate the job "
            "here (its tag 'local_simulation')."
        )
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
        output["error"] = output["error_trace"] = fields.get("error", state.message)
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
    widgets = _named_parameters(body, "base_parameters", "notebook_params", context)
    return context.build_process("notebook", spec, path.parent, path=str(path), parameters=widgets)


def _build_python(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the file in its own folder; run-now's ``python_params`` replace the task's parameters."""
    body = spec["spark_python_task"]
    path = context.find_file(body, "python_file")
    parameters = context.overriding.get("python_params", body.get("parameters") or [])
    return context.build_process(
        "script",
        spec,
        path.parent,
        path=str(path),
        parameters=[str(each) for each in parameters],
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
    file = body.get("file")
    if not isinstance(file, dict) or not isinstance(file.get("path"), str):
        raise CannotRun(
            "The local workspace runs SQL files only: it has no saved queries, dashboards or "
            "alerts. Use 'file' with a 'path' in the sql_task."
        )
    if not any(map(importlib.util.find_spec, ("duckdb", "pyspark"))):
        raise CannotRun(
            "A sql_task needs DuckDB or Spark here. Install one of them: "
            "pip install 'flask-lakeflow-jobs[sql]' or 'flask-lakeflow-jobs[spark]'."
        )
    path = context.find_file(file, "path")
    parameters = _named_parameters(body, "parameters", "sql_params", context)
    return context.build_process("sql", spec, path.parent, path=str(path), parameters=parameters)


def _build_wheel(spec: Settings, context: TaskContext) -> ProcessWork:
    """Call the entry point with the positional parameters, or with ``--name=value`` arguments."""
    body = spec["python_wheel_task"]
    positional = context.overriding.get("python_params", body.get("parameters"))
    if positional:
        parameters = [str(each) for each in positional]
    else:
        named = _named_parameters(body, "named_parameters", "python_named_params", context)
        parameters = [f"--{name}={value}" for name, value in named.items()]
    return context.build_process(
        "wheel",
        spec,
        context.files.root,
        package_name=body["package_name"],
        entry_point=body["entry_point"],
        parameters=parameters,
    )


def _named_parameters(
    body: Settings, task_field: str, run_field: str, context: TaskContext
) -> dict[str, str]:
    """Merge the parameters of the task, of the job and of run-now; later ones take precedence."""
    parameters = {
        **(body.get(task_field) or {}),
        **context.job_parameters,
        **context.overriding.get(run_field, {}),
    }
    return {name: format_value(value) for name, value in parameters.items()}


_BUILDERS: dict[str, Callable[[Settings, TaskContext], Work]] = {
    "condition_task": _build_condition,
    "for_each_task": _build_for_each,
    "notebook_task": _build_notebook,
    "python_wheel_task": _build_wheel,
    "run_job_task": _build_run_job,
    "spark_python_task": _build_python,
    "sql_task": _build_sql,
}
