"""From the fields of run-now, submit and repair to what the engine is asked for."""

from __future__ import annotations

import json
from typing import Any

from ..engine import decisions
from ..engine.engine import RepairRequest, RunRequest
from ..errors import InvalidParameterValue
from ..model import JobRun, Settings
from ..registry import RegisteredJob
from .request import Request, parse_queue

_TOKEN_LENGTH = 64
_PARAMETER_BYTES = 10_000
_MAPS = ("notebook_params", "python_named_params", "sql_params")
_LISTS = ("python_params", "jar_params", "spark_submit_params", "dbt_commands")
_LIMITED = ("notebook_params", "jar_params", "python_params", "spark_submit_params")
_PERFORMANCE_TARGETS = ("STANDARD", "PERFORMANCE_OPTIMIZED", "COST_OPTIMIZED")
_DURATION_TARGETS = ("NO_FLEXIBILITY", "4h", "12h", "24h", "72h")
_ASCII_ONLY = ("python_params", "spark_submit_params")


def parse_run_request(
    job: RegisteredJob, request: Request, *, trigger: str = "ONE_TIME", started_by: int = 0
) -> RunRequest:
    """What run-now asks for.

    :raises ApiError: a field that cannot be used.
    """
    queue = request.object("queue") or job.settings.get("queue") or {}
    return RunRequest(
        job_id=job.job_id,
        name=job.settings["name"],
        creator=job.creator,
        settings=job.settings,
        parameters=_job_parameters(job.settings, request),
        overriding=_task_parameters(request),
        only=_only(job.settings, request),
        token=idempotency_token(request),
        trigger=trigger,
        may_queue=bool(parse_queue(queue).get("enabled", False)),
        started_by=started_by,
        performance_target=performance_target(request),
    )


def parse_repair_request(run: JobRun, settings: Settings, request: Request) -> RepairRequest:
    """What a repair asks for.

    :param settings: the job's settings as they are now.
    :raises ApiError: a field that cannot be used.
    """
    return RepairRequest(
        settings=settings,
        keys=_keys_to_rerun(run, settings, request),
        parameters=_job_parameters(settings, request),
        overriding=_task_parameters(request),
        performance_target=performance_target(request),
    )


def _keys_to_rerun(run: JobRun, settings: Settings, request: Request) -> frozenset[str]:
    named = request.text_list("rerun_tasks") or []
    all_failed = request.boolean("rerun_all_failed_tasks")
    if bool(named) == all_failed:
        raise InvalidParameterValue(
            "Exactly one of rerun_tasks and rerun_all_failed_tasks has to be given."
        )
    known = [task["task_key"] for task in settings["tasks"]]
    if all_failed:
        latest = run.latest_attempts()
        failed = {key for key, task in latest.items() if task.state.is_failure}
        keys = failed.intersection(known)
    else:
        keys = set(named)
        if unknown := keys.difference(known):
            raise InvalidParameterValue(
                f"Task {', '.join(sorted(unknown))} does not exist in the job."
            )
    if request.boolean("rerun_dependent_tasks"):
        keys = decisions.selected_keys(settings["tasks"], [f"{key}+" for key in keys])
    if not keys:
        raise InvalidParameterValue(f"Run {run.run_id} has no failed tasks to run again.")
    return frozenset(keys)


def idempotency_token(request: Request) -> str | None:
    """The token of a request.

    :raises ApiError: it is too long.
    """
    token = request.text("idempotency_token")
    if token and len(token) > _TOKEN_LENGTH:
        raise InvalidParameterValue(
            f"The idempotency token has {len(token)} characters; at most {_TOKEN_LENGTH} are "
            "allowed."
        )
    return token or None


def performance_target(request: Request) -> str:
    """The performance target of a request; empty if it has none.

    :raises ApiError: nobody knows it, or it lacks the duration that it is to keep to.
    """
    target = request.text("performance_target") or ""
    if target and target not in _PERFORMANCE_TARGETS:
        raise InvalidParameterValue(
            f"Unknown performance_target {target!r}. "
            f"It is one of {', '.join(_PERFORMANCE_TARGETS)}."
        )
    duration = request.text("duration_target")
    if target == "COST_OPTIMIZED" and duration not in _DURATION_TARGETS:
        raise InvalidParameterValue(
            "performance_target COST_OPTIMIZED needs a duration_target: one of "
            f"{', '.join(_DURATION_TARGETS)}."
        )
    return target


def _job_parameters(settings: Settings, request: Request) -> list[dict[str, str]]:
    given = request.text_map("job_parameters") or {}
    parameters = []
    for defined in settings.get("parameters", ()):
        parameter = {"name": defined["name"], "default": str(defined.get("default", ""))}
        if defined["name"] in given:
            parameter["value"] = given[defined["name"]]
        parameters.append(parameter)
    names = {parameter["name"] for parameter in parameters}
    # Not verified against the service: names that the job does not define are passed along.
    parameters += [
        {"name": name, "default": "", "value": value}
        for name, value in given.items()
        if name not in names
    ]
    return parameters


def _task_parameters(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {name: request.text_map(name) for name in _MAPS}
    found |= {name: request.text_list(name) for name in _LISTS}
    found["pipeline_params"] = request.object("pipeline_params")
    given = {name: value for name, value in found.items() if value is not None}
    if given and request.fields.get("job_parameters"):
        raise InvalidParameterValue(
            f"Job parameters cannot be combined with task parameters ({', '.join(given)})."
        )
    if "jar_params" in given and "notebook_params" in given:
        raise InvalidParameterValue(
            "jar_params cannot be specified in conjunction with notebook_params."
        )
    for name in _LIMITED:
        size = len(json.dumps({name: given.get(name)}, separators=(",", ":")).encode())
        if size > _PARAMETER_BYTES:
            raise InvalidParameterValue(
                f"{name} takes {size} bytes as JSON; at most {_PARAMETER_BYTES} are allowed."
            )
    for name in _ASCII_ONLY:
        if not all(each.isascii() for each in given.get(name, ())):
            raise InvalidParameterValue(f"{name} may hold only ASCII characters.")
    return given


def _only(settings: Settings, request: Request) -> frozenset[str]:
    only = request.text_list("only")
    if not only:
        return frozenset()
    try:
        return frozenset(decisions.selected_keys(settings["tasks"], only))
    except KeyError as unknown:
        raise InvalidParameterValue(f"Task {unknown.args[0]} does not exist in the job.") from None
