"""The fields of run-now, submit and repair as requests to the engine."""

from __future__ import annotations

import json
from typing import Any

from ..bundle.validation import parse_boolean
from ..engine import rules
from ..errors import InvalidParameterValue
from ..events import RepairRequest, RunRequest
from ..model import JobRun, Settings
from ..registry import RegisteredJob
from .request import Request

_MAX_TOKEN_LENGTH = 64
_MAX_PARAMETER_BYTES = 10_000
_MAPS = ("notebook_params", "python_named_params", "sql_params")
_LISTS = ("python_params", "jar_params", "spark_submit_params", "dbt_commands")
_LIMITED = ("notebook_params", "jar_params", "python_params", "spark_submit_params")
_ASCII_ONLY = ("python_params", "spark_submit_params")
_PERFORMANCE_TARGETS = ("STANDARD", "PERFORMANCE_OPTIMIZED", "COST_OPTIMIZED")
_DURATION_TARGETS = ("NO_FLEXIBILITY", "4h", "12h", "24h", "72h")


def parse_run_request(
    job: RegisteredJob, request: Request, *, trigger: str = "ONE_TIME"
) -> RunRequest:
    """Read the fields of run-now.

    :raises ApiError: a field is invalid.
    """
    if not job.settings["tasks"]:
        raise InvalidParameterValue(
            f"Job {job.job_id} has no tasks. Add one with jobs/update or jobs/reset, then run it."
        )
    queue = request.read_object("queue") or job.settings.get("queue") or {}
    return RunRequest(
        job_id=job.job_id,
        name=job.settings["name"],
        creator=job.creator,
        settings=job.settings,
        parameters=_parse_job_parameters(job.settings, request),
        overriding=_parse_task_parameters(request),
        only=_parse_only(job.settings, request),
        token=parse_idempotency_token(request),
        trigger=trigger,
        may_queue=bool(parse_boolean(queue.get("enabled", False))),
        performance_target=_parse_performance_target(request),
    )


def parse_repair_request(run: JobRun, settings: Settings, request: Request) -> RepairRequest:
    """Read the fields of a repair.

    :param settings: the current settings of the job.
    :raises ApiError: a field is invalid.
    """
    return RepairRequest(
        settings=settings,
        keys=_parse_keys_to_rerun(run, settings, request),
        parameters=_parse_job_parameters(settings, request),
        overriding=_parse_task_parameters(request),
        performance_target=_parse_performance_target(request),
    )


def parse_idempotency_token(request: Request) -> str | None:
    """Read the token.

    :raises ApiError: it is too long, or not printable.
    """
    token = request.read_text("idempotency_token")
    if token and len(token) > _MAX_TOKEN_LENGTH:
        raise InvalidParameterValue(
            f"The idempotency token has {len(token)} characters; at most {_MAX_TOKEN_LENGTH} are "
            "allowed."
        )
    if token and not token.isprintable():
        raise InvalidParameterValue("The idempotency token must consist of printable characters.")
    return token or None


def _parse_keys_to_rerun(run: JobRun, settings: Settings, request: Request) -> frozenset[str]:
    rerun_tasks = request.read_text_list("rerun_tasks") or []
    all_failed = request.read_bool("rerun_all_failed_tasks")
    if bool(rerun_tasks) == all_failed:
        raise InvalidParameterValue(
            "Exactly one of rerun_tasks and rerun_all_failed_tasks has to be given."
        )
    existing = {task["task_key"] for task in settings["tasks"]}
    if all_failed:
        latest = run.latest_attempts()
        keys = existing & {key for key, task in latest.items() if task.state.is_failure}
    else:
        keys = set(rerun_tasks)
        if unknown := keys - existing:
            raise InvalidParameterValue(
                f"Task {', '.join(sorted(unknown))} does not exist in the job."
            )
    if request.read_bool("rerun_dependent_tasks"):
        keys = rules.select_keys(settings["tasks"], [f"{key}+" for key in keys])
    if not keys:
        raise InvalidParameterValue(f"Run {run.run_id} has no failed tasks to run again.")
    return frozenset(keys)


def _parse_performance_target(request: Request) -> str:
    """Read the performance target; empty if there is none."""
    target = request.read_choice("performance_target", _PERFORMANCE_TARGETS)
    duration = request.read_text("duration_target")
    if target == "COST_OPTIMIZED" and duration not in _DURATION_TARGETS:
        raise InvalidParameterValue(
            "performance_target COST_OPTIMIZED needs a duration_target: one of "
            f"{', '.join(_DURATION_TARGETS)}."
        )
    return target


def _parse_job_parameters(settings: Settings, request: Request) -> list[dict[str, str]]:
    values = request.read_text_map("job_parameters") or {}
    defaults = {
        each["name"]: str(each.get("default", "")) for each in settings.get("parameters", ())
    }
    # Not verified against the service: names that the job does not define are accepted.
    return [
        {"name": name, "default": defaults.get(name, "")}
        | ({"value": values[name]} if name in values else {})
        for name in {**defaults, **values}
    ]


def _parse_task_parameters(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = {name: request.read_text_map(name) for name in _MAPS}
    fields |= {name: request.read_text_list(name) for name in _LISTS}
    fields["pipeline_params"] = request.read_object("pipeline_params")
    # Empty ones are as good as missing: Airflow's group of tasks sends those of all kinds.
    parameters = {name: value for name, value in fields.items() if value}
    if parameters and request.fields.get("job_parameters"):
        raise InvalidParameterValue(
            f"Job parameters cannot be combined with task parameters ({', '.join(parameters)})."
        )
    if "jar_params" in parameters and "notebook_params" in parameters:
        raise InvalidParameterValue(
            "jar_params cannot be specified in conjunction with notebook_params."
        )
    for name in filter(parameters.__contains__, _LIMITED):
        size = len(json.dumps({name: parameters[name]}, separators=(",", ":")).encode())
        if size > _MAX_PARAMETER_BYTES:
            raise InvalidParameterValue(
                f"{name} takes {size} bytes as JSON; at most {_MAX_PARAMETER_BYTES} are allowed."
            )
    for name in _ASCII_ONLY:
        if not all(each.isascii() for each in parameters.get(name, ())):
            raise InvalidParameterValue(f"{name} may contain only ASCII characters.")
    return parameters


def _parse_only(settings: Settings, request: Request) -> frozenset[str]:
    only = request.read_text_list("only")
    if not only:
        return frozenset()
    try:
        return frozenset(rules.select_keys(settings["tasks"], only))
    except KeyError as error:
        raise InvalidParameterValue(f"Task {error.args[0]} does not exist in the job.") from None
