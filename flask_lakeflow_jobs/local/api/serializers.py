"""How jobs, runs and outputs are spelled in JSON. Pure: records in, dictionaries out.

Shapes follow the dataclasses of databricks-sdk (``databricks.sdk.service.jobs``), which are
generated from
the service's own description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model import MULTI_TASK, JobRun, Repair, TaskRun, kind_of
from ..states import State
from .single_task import parts_of_run

Json = dict[str, Any]
_SETTINGS_NOT_OF_A_TASK_RUN = frozenset({"health"})
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

_RESOLVED_FIELDS = {  # after ResolvedValues of databricks-sdk
    "condition_task": ("left", "right"),
    "dbt_task": ("commands",),
    "notebook_task": ("base_parameters",),
    "python_wheel_task": ("named_parameters", "parameters"),
    "run_job_task": ("job_parameters",),
    "spark_jar_task": ("parameters",),
    "spark_python_task": ("parameters",),
    "spark_submit_task": ("parameters",),
    "sql_task": ("parameters",),
}


@dataclass(frozen=True, slots=True)
class RunSerializer:
    """What the shapes need to know besides the records.

    :param host: the address of the workspace, as ``http://127.0.0.1:8080``.
    """

    host: str
    workspace_id: int

    def run_page_url(self, job_id: int, run_id: int) -> str:
        """Where a person would look at a run (databricks-sdk-py issue 375 has one such address)."""
        return f"{self.host}/?o={self.workspace_id}#job/{job_id}/run/{run_id}"

    def run(
        self, run: JobRun, *, with_history: bool = False, with_resolved_values: bool = False
    ) -> Json:
        """A run, with all its tasks and parameters."""
        shape = self.base_run(run)
        shape["tasks"] = [
            self.task_run(run, task, with_resolved_values=with_resolved_values)
            for task in run.tasks
        ]
        if run.started_by:
            shape["trigger_info"] = {"run_id": run.started_by}
        if run.parameters:
            shape["job_parameters"] = [
                {**each, "value": each.get("value", each["default"])} for each in run.parameters
            ]
        for key in ("job_clusters", "git_source"):
            if key in run.settings:
                shape[key] = run.settings[key]
        if with_history:
            shape["repair_history"] = self.repair_history(run)
        return shape

    def base_run(self, run: JobRun) -> Json:
        """A run as it stands in a list, without its tasks."""
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
            "run_page_url": self.run_page_url(run.job_id, run.run_id),
            "state": serialize_state(run.state),
            "status": serialize_status(run.state),
            "start_time": run.start_time,
            "end_time": run.end_time,
            **_durations(run),
            "queue_duration": run.queue_duration,
            **parts_of_run(run.settings),
        }
        if target := run.performance_target or run.settings.get("performance_target"):
            shape["effective_performance_target"] = target
        if run.end_time:
            shape["run_duration"] = max(0, run.end_time - run.start_time)
        if not run.job_id:
            del shape["job_id"]
        given = {key: run.overriding[key] for key in _PARAMETER_FIELDS if key in run.overriding}
        if given:
            shape["overriding_parameters"] = given
        if description := run.settings.get("description"):
            shape["description"] = description
        return shape

    def task_run(self, run: JobRun, task: TaskRun, *, with_resolved_values: bool = False) -> Json:
        """One attempt of one task."""
        spec = {
            key: value for key, value in task.spec.items() if key not in _SETTINGS_NOT_OF_A_TASK_RUN
        }
        shape = {
            **spec,
            **_kind_shape(run, task),
            "run_id": task.run_id,
            "run_if": spec.get("run_if", "ALL_SUCCESS"),
            "run_page_url": self.run_page_url(run.job_id, task.run_id),
            "state": serialize_state(task.state),
            "status": serialize_status(task.state),
            "start_time": task.start_time,
            "end_time": task.end_time,
            "setup_duration": task.setup_duration,
            "execution_duration": task.execution_duration,
            "cleanup_duration": task.cleanup_duration,
            "queue_duration": task.queue_duration,
            "run_duration": max(0, task.end_time - task.start_time) if task.end_time else 0,
            "attempt_number": task.attempt,
        }
        if with_resolved_values and (values := _resolved_values(task)):
            shape["resolved_values"] = values
        return shape

    def task_as_run(
        self, run: JobRun, task: TaskRun, *, with_resolved_values: bool = False
    ) -> Json:
        """An attempt, as runs/get answers when asked for its own id."""
        shape = self.base_run(run)
        own = self.task_run(run, task, with_resolved_values=with_resolved_values)
        for key in ("state", "status", "start_time", "end_time", "run_page_url", "attempt_number"):
            shape[key] = own[key]
        for key in ("setup_duration", "execution_duration", "cleanup_duration", "run_duration"):
            shape[key] = own[key]
        shape |= {
            "run_id": task.run_id,
            "number_in_job": task.run_id,
            "original_attempt_run_id": run.first_try_of(task).run_id,
            "job_run_id": run.run_id,
            "run_name": task.key,
            "task": {key: each for key, each in own.items() if key.endswith("_task")},
            "tasks": [own],
        }
        if iterations := run.iterations_of(task):
            shape["iterations"] = [
                self.task_run(run, each, with_resolved_values=with_resolved_values)
                for each in iterations
            ]
        return shape

    def repair_history(self, run: JobRun) -> list[Json]:
        """The original run and its repairs, the oldest first."""
        ids = [task.run_id for task in run.tasks]
        original = Repair(0, run.start_time, ids, run.state, run.end_time)
        repairs = run.repairs or [original]
        return [_repair_shape(run, repair, repair is repairs[-1]) for repair in repairs]

    def output(self, run: JobRun, task: TaskRun, output: Json) -> Json:
        """What an attempt has put out, in the fields of its kind."""
        shape: Json = {"metadata": self.task_as_run(run, task)}
        if "notebook_task" in task.spec:
            shape["notebook_output"] = (
                {"result": output["result"], "truncated": output.get("truncated", False)}
                if isinstance(output.get("result"), str)
                else {}
            )
        if _keeps_logs(task):
            shape["logs"] = output.get("logs", "")
            shape["logs_truncated"] = output.get("logs_truncated", False)
        if "nested_run_id" in output:
            shape["run_job_output"] = {"run_id": output["nested_run_id"]}
        if "sql_task" in task.spec:
            shape["sql_output"] = {"query_output": {}}
            # The service gives a link to the rows; here they are few and come along.
            shape["info"] = output.get("logs", "")
        for key in ("error", "error_trace"):
            if key in output:
                shape[key] = output[key]
        if task.state.is_failure and "error" not in shape and task.state.result == "FAILED":
            shape["error"] = task.state.message
        return shape


def _repair_shape(run: JobRun, repair: Repair, is_last: bool) -> Json:
    known = {run_id for each in run.repairs if each is not repair for run_id in each.task_run_ids}
    state = run.state if is_last else repair.state
    shape = {
        "type": "REPAIR" if repair.repair_id else "ORIGINAL",
        "start_time": repair.start_time,
        "end_time": run.end_time if is_last else repair.end_time,
        "state": serialize_state(state),
        "status": serialize_status(state),
        "task_run_ids": [task.run_id for task in run.tasks if is_last and task.run_id not in known]
        or repair.task_run_ids,
    }
    if repair.repair_id:
        shape["id"] = repair.repair_id
    return shape


def _kind_shape(run: JobRun, task: TaskRun) -> Json:
    """The settings of a task's kind, with what is known of its course."""
    kind = kind_of(task.spec)
    body = dict(task.spec[kind])
    if kind == "condition_task" and task.outcome:
        body["outcome"] = task.outcome
    if kind == "for_each_task":
        body["stats"] = {"task_run_stats": _iteration_stats(run.iterations_of(task))}
    return {kind: body}


def _resolved_values(task: TaskRun) -> Json:
    """What a task was given once its references were replaced; nothing before that."""
    kind = kind_of(task.spec)
    body = task.resolved.get(kind, {})
    values = {field: body[field] for field in _RESOLVED_FIELDS.get(kind, ()) if field in body}
    return {kind: values} if values else {}


def _durations(run: JobRun) -> Json:
    """What a run of one task has of its task; with several it is 0, and each task has its own.

    Sources: the documentation of Run, and a run of one task in databricks-sdk-py issue 375.
    """
    only = run.tasks[-1] if run.tasks and len(run.settings["tasks"]) == 1 else None
    return {
        "setup_duration": only.setup_duration if only else 0,
        "execution_duration": only.execution_duration if only else 0,
        "cleanup_duration": only.cleanup_duration if only else 0,
    }


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


def _keeps_logs(task: TaskRun) -> bool:
    return any(
        kind in task.spec for kind in ("spark_python_task", "python_wheel_task", "spark_jar_task")
    )


def serialize_state(state: State) -> Json:
    """The older spelling of a state (``RunState``)."""
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
    """The newer spelling of a state (``RunStatus``)."""
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
