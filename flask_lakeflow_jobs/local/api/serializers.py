"""Runs and their outputs as JSON.

Fields follow the dataclasses of databricks-sdk (``databricks.sdk.service.jobs``), which are
generated from the service's own description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model import MULTI_TASK, JobRun, Repair, Settings, TaskRun, kind_of
from ..states import State

Json = dict[str, Any]
_NOT_IN_TASK_RUNS = frozenset({"health"})
_SUCCESS_CODES = frozenset({"SUCCESS", "SUCCESS_WITH_FAILURES"})
_PARAMETER_FIELDS = (
    "notebook_params",
    "python_params",
    "python_named_params",
    "jar_params",
    "spark_submit_params",
    "sql_params",
    "dbt_commands",
    "pipeline_params",
)
_RESOLVED_FIELDS = {  # as in ResolvedValues of databricks-sdk
    "condition_task": ("left", "right"),
    "dbt_task": ("commands",),
    "notebook_task": ("base_parameters",),
    "pipeline_task": ("parameters",),
    "python_wheel_task": ("named_parameters", "parameters"),
    "run_job_task": ("job_parameters",),
    "spark_jar_task": ("parameters",),
    "spark_python_task": ("parameters",),
    "spark_submit_task": ("parameters",),
    "sql_task": ("parameters",),
}
_TASK_DURATIONS = ("setup_duration", "execution_duration", "cleanup_duration")
_LOGGING_KINDS = (
    "dbt_task",
    "python_operator_task",
    "python_wheel_task",
    "spark_jar_task",
    "spark_python_task",
)


@dataclass(frozen=True, slots=True)
class RunSerializer:
    """Converts the runs of a workspace.

    :param host: the address of the workspace, as ``http://127.0.0.1:8080``.
    """

    host: str
    workspace_id: int

    def serialize(
        self, run: JobRun, *, with_history: bool = False, with_resolved_values: bool = False
    ) -> Json:
        """Convert a run with all its tasks and parameters."""
        shape = self.serialize_listed(run)
        shape["tasks"] = [
            self.serialize_task(run, task, with_resolved_values=with_resolved_values)
            for task in run.tasks
        ]
        if run.started_by:
            shape["trigger_info"] = {"run_id": run.started_by}
        for key in ("job_clusters", "git_source"):
            if key in run.settings:
                shape[key] = run.settings[key]
        if with_history:
            ids = tuple(task.run_id for task in run.tasks)
            original = Repair(0, run.start_time, ids, run.state, run.end_time)
            repairs = run.repairs or (original,)
            shape["repair_history"] = [
                _serialize_repair(run, repair, is_last=repair is repairs[-1]) for repair in repairs
            ]
        return shape

    def serialize_listed(self, run: JobRun) -> Json:
        """Convert a run without its tasks, as a list contains it."""
        shape = self.serialize_base(run)
        if run.parameters:
            shape["job_parameters"] = [
                {**each, "value": each.get("value", each["default"])} for each in run.parameters
            ]
        return shape

    def serialize_base(self, run: JobRun) -> Json:
        """Convert what a run and a task of it have in common."""
        # Durations of a run with several tasks are 0. Sources: the documentation of Run, and a run
        # of one task in databricks-sdk-py issue 375.
        only = run.tasks[-1] if run.tasks and len(run.settings["tasks"]) == 1 else None
        shape: Json = {
            "run_id": run.run_id,
            "job_id": run.job_id,
            "number_in_job": run.run_id,
            "original_attempt_run_id": run.run_id,
            "run_name": run.name,
            "creator_user_name": run.creator,
            "run_type": run.run_type,
            "trigger": run.trigger,
            "format": run.settings.get("format", MULTI_TASK),
            "queue_duration": run.queue_duration,
            **self._serialize_progress(run, run),
            **{name: getattr(only, name) if only else 0 for name in _TASK_DURATIONS},
        }
        if target := run.performance_target or run.settings.get("performance_target"):
            shape["effective_performance_target"] = target
        if run.end_time:
            shape["run_duration"] = _work_of(run)
        if not run.job_id:
            del shape["job_id"]
        parameters = {
            key: run.overriding[key] for key in _PARAMETER_FIELDS if key in run.overriding
        }
        if parameters:
            shape["overriding_parameters"] = parameters
        if description := run.settings.get("description"):
            shape["description"] = description
        return shape

    def serialize_task(
        self, run: JobRun, task: TaskRun, *, with_resolved_values: bool = False
    ) -> Json:
        """Convert one attempt of a task, as its run contains it."""
        kind = kind_of(task.spec)
        body = dict(task.spec[kind])
        if kind == "condition_task" and task.outcome:
            body["outcome"] = task.outcome
        if kind == "for_each_task":
            body["stats"] = {"task_run_stats": _iteration_stats(run.iterations_of(task))}
        shape = {
            "run_if": "ALL_SUCCESS",
            **{key: value for key, value in task.spec.items() if key not in _NOT_IN_TASK_RUNS},
            kind: body,
            "run_id": task.run_id,
            "attempt_number": task.attempt,
            "queue_duration": task.queue_duration,
            **self._serialize_progress(run, task),
            **{name: getattr(task, name) for name in _TASK_DURATIONS},
            "run_duration": max(0, task.end_time - task.start_time) if task.end_time else 0,
        }
        if with_resolved_values and (resolved := task.resolved.get(kind)):
            fields = _RESOLVED_FIELDS.get(kind, ())
            if values := {field: resolved[field] for field in fields if field in resolved}:
                shape["resolved_values"] = {kind: values}
        return shape

    def serialize_task_as_run(
        self, run: JobRun, task: TaskRun, *, with_resolved_values: bool = False
    ) -> Json:
        """Convert one attempt of a task, as runs/get returns it for the attempt's own id."""
        shape = self.serialize_task(run, task, with_resolved_values=with_resolved_values)
        as_run: Json = {
            **self.serialize_base(run),
            **self._serialize_progress(run, task),
            **{name: shape[name] for name in (*_TASK_DURATIONS, "run_duration", "attempt_number")},
            "run_id": task.run_id,
            "number_in_job": task.run_id,
            "original_attempt_run_id": run.first_try_of(task).run_id,
            "job_run_id": run.run_id,
            "run_name": task.key,
            "task": {key: value for key, value in shape.items() if key.endswith("_task")},
            "tasks": [shape],
        }
        if iterations := run.iterations_of(task):
            as_run["iterations"] = [
                self.serialize_task(run, each, with_resolved_values=with_resolved_values)
                for each in iterations
            ]
        return as_run

    def serialize_output(self, run: JobRun, task: TaskRun, output: Json) -> Json:
        """Convert the output of an attempt, in the fields of its kind."""
        shape: Json = {"metadata": self.serialize_task_as_run(run, task)}
        if "notebook_task" in task.spec:
            shape["notebook_output"] = (
                {"result": output["result"], "truncated": output.get("truncated", False)}
                if isinstance(output.get("result"), str)
                else {}
            )
        if any(kind in task.spec for kind in _LOGGING_KINDS):
            shape["logs"] = output.get("logs", "")
            shape["logs_truncated"] = output.get("logs_truncated", False)
        if "dbt_task" in task.spec:
            shape["dbt_output"] = {}
        if "nested_run_id" in output:
            shape["run_job_output"] = {"run_id": output["nested_run_id"]}
        if "sql_task" in task.spec:
            shape["sql_output"] = {"file_output": _serialize_rows(output.get("query_result"))}
        shape |= {key: output[key] for key in ("error", "error_trace") if key in output}
        if task.state.result == "FAILED":
            shape.setdefault("error", task.state.message)
        return shape

    def _serialize_progress(self, run: JobRun, item: JobRun | TaskRun) -> Json:
        # databricks-sdk-py issue 375 has such an address.
        url = f"{self.host}/?o={self.workspace_id}#job/{run.job_id}/run/{item.run_id}"
        return {
            "run_page_url": url,
            "state": serialize_state(item.state),
            "status": serialize_status(item.state),
            "start_time": item.start_time,
            "end_time": item.end_time,
        }


def _serialize_rows(result: Json | None) -> Json:
    """Convert the rows of a SQL file to ``SqlTaskSqlFileOutput`` of databricks-sdk."""
    if result is None:
        return {}
    return {
        "query_result": {
            "columns": [{"name": name} for name in result["columns"]],
            "rows": [
                {"values": [{} if value is None else {"string_value": value} for value in row]}
                for row in result["rows"]
            ],
            "truncated": result["truncated"],
        }
    }


def _work_of(run: JobRun) -> int:
    """Return the milliseconds that an ended run and its repairs took, without those in between."""
    *earlier, last = run.repairs or (Repair(0, run.start_time),)
    took = [repair.end_time - repair.start_time for repair in earlier]
    return sum(max(0, each) for each in [*took, run.end_time - last.start_time])


def _serialize_repair(run: JobRun, repair: Repair, *, is_last: bool) -> Json:
    earlier = {run_id for each in run.repairs if each is not repair for run_id in each.task_run_ids}
    state = run.state if is_last else repair.state
    shape = {
        "type": "REPAIR" if repair.repair_id else "ORIGINAL",
        "start_time": repair.start_time,
        "end_time": run.end_time if is_last else repair.end_time,
        "state": serialize_state(state),
        "status": serialize_status(state),
        "task_run_ids": [
            task.run_id for task in run.tasks if is_last and task.run_id not in earlier
        ]
        or repair.task_run_ids,
    }
    if repair.repair_id:
        shape["id"] = repair.repair_id
    return shape


def _iteration_stats(attempts: list[TaskRun]) -> Json:
    latest = {each.index: each.state for each in attempts}.values()
    ended = [state for state in latest if state.is_terminal]
    blocked = sum(state.life_cycle == "BLOCKED" for state in latest)
    return {
        "total_iterations": len(latest),
        "scheduled_iterations": len(latest) - blocked,
        "active_iterations": len(latest) - blocked - len(ended),
        "completed_iterations": len(ended),
        "succeeded_iterations": sum(state.is_success for state in ended),
        "failed_iterations": sum(state.is_failure for state in ended),
    }


def find_run_as(settings: Settings, creator: str) -> str:
    """Return the user or service principal whose name the runs of a job or a pipeline have."""
    run_as = settings.get("run_as")
    run_as = run_as if isinstance(run_as, dict) else {}  # that of a bundle may be a text
    return str(run_as.get("user_name") or run_as.get("service_principal_name") or creator)


def serialize_state(state: State) -> Json:
    """Convert a state to the older ``RunState``."""
    shape: Json = {
        "life_cycle_state": state.life_cycle,
        "state_message": state.message,
        "user_cancelled_or_timedout": state.result in {"CANCELED", "TIMEDOUT"},
    }
    if state.result:
        shape["result_state"] = state.result
    if state.life_cycle == "QUEUED":
        shape["queue_reason"] = state.message
    return shape


def serialize_status(state: State) -> Json:
    """Convert a state to the newer ``RunStatus``."""
    if state.is_terminal:
        return {
            "state": "TERMINATED",
            "termination_details": {
                "code": state.code,
                "type": _termination_type(state.code),
                "message": state.message,
            },
        }
    if state.life_cycle == "QUEUED":
        return {"state": "QUEUED", "queue_details": {"code": state.code, "message": state.message}}
    return {"state": "WAITING" if state.life_cycle == "WAITING_FOR_RETRY" else state.life_cycle}


def _termination_type(code: str) -> str:
    if code in _SUCCESS_CODES:
        return "SUCCESS"
    return code if code == "INTERNAL_ERROR" else "CLIENT_ERROR"
