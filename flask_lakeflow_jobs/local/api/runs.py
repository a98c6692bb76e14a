"""``jobs/run-now`` and ``jobs/runs/…``: what goes on."""

from __future__ import annotations

import json
from typing import Any

from flask_lakeflow_jobs.local import errors, plan
from flask_lakeflow_jobs.local.api import paging
from flask_lakeflow_jobs.local.api.jobs import page_start
from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.api.shapes import Json, Spelling
from flask_lakeflow_jobs.local.engine import Engine, RunRequest
from flask_lakeflow_jobs.local.model import JobRun, Settings
from flask_lakeflow_jobs.local.registry import Registry
from flask_lakeflow_jobs.local.store import RunFilter

_PAGE = 20
_LARGEST_PAGE = 26  # "Invalid limit 27 - it has to be no more than 26."
_TOKEN_LENGTH = 64
_PARAMETER_BYTES = 10_000
_MAPS = ("notebook_params", "python_named_params", "sql_params")
_LISTS = ("python_params", "jar_params", "spark_submit_params", "dbt_commands")
_LIMITED = ("notebook_params", "jar_params", "python_params", "spark_submit_params")
_ASCII_ONLY = ("python_params", "spark_submit_params")
_MULTIPLE_TASKS = (
    "Retrieving the output of runs with multiple tasks is not supported. "
    "Please retrieve the output of each individual task run instead."
)


class RunsApi:
    """The handlers of ``jobs/run-now`` and ``jobs/runs/…``."""

    def __init__(self, registry: Registry, engine: Engine, spelling: Spelling) -> None:
        self._registry = registry
        self._engine = engine
        self._spelling = spelling

    def run_now(self, request: Request) -> Json:
        """``jobs/run-now``."""
        job = self._registry.find(request.required_integer("job_id"))
        queue = request.object("queue") or job.settings.get("queue") or {}
        run = self._engine.start_run(
            RunRequest(
                job_id=job.job_id,
                name=job.settings["name"],
                creator=job.creator,
                settings=job.settings,
                parameters=_job_parameters(job.settings, request),
                overriding=_task_parameters(request),
                only=_only(job.settings, request),
                token=_idempotency_token(request),
                queue=bool(queue.get("enabled", False)),
            )
        )
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def get(self, request: Request) -> Json:
        """``jobs/runs/get``, of a run or of one attempt of a task."""
        run_id = request.required_integer("run_id")
        with self._engine.reading():
            try:
                run = self._engine.find_run(run_id)
            except errors.ApiError:
                return self._spelling.task_as_run(*self._engine.find_task(run_id))
            return self._spelling.run(run, with_history=request.boolean("include_history"))

    def list(self, request: Request) -> Json:
        """``jobs/runs/list``."""
        limit = _page_size(request)
        wanted = _run_filter(request)
        token = request.text("page_token")
        after = None
        if token:
            started, number = paging.decode(token, 2)
            after = (started, number)
        with self._engine.reading() as store:
            found = store.list_runs(
                wanted,
                limit + 1,
                offset=0 if token else page_start(request),
                after=after,
            )
            runs = [self._engine.find_run(run_id) for _, run_id in found[:limit]]
            expand = request.boolean("expand_tasks")
            shapes = [self._listed_shape(run, expand_tasks=expand) for run in runs]
        answer: dict[str, Any] = {"runs": shapes} if shapes else {}
        if len(found) > limit:
            answer["next_page_token"] = paging.encode(list(found[limit - 1][0]))
        if request.version != "2.2":
            answer["has_more"] = "next_page_token" in answer
        return answer

    def _listed_shape(self, run: JobRun, *, expand_tasks: bool) -> Json:
        return self._spelling.run(run) if expand_tasks else self._spelling.base_run(run)

    def get_output(self, request: Request) -> Json:
        """``jobs/runs/get-output``."""
        run_id = request.required_integer("run_id")
        with self._engine.reading():
            try:
                run, task = self._engine.find_task(run_id)
            except errors.ApiError:
                run = self._engine.find_run(run_id)
                raise errors.invalid_parameter(_MULTIPLE_TASKS) from None
            return self._spelling.output(run, task, self._engine.output_of(task))

    def cancel(self, request: Request) -> Json:
        """``jobs/runs/cancel``: answered before it is done."""
        run_id = request.required_integer("run_id")
        try:
            run = self._engine.find_run(run_id)
        except errors.ApiError:
            self._engine.cancel_task(*self._engine.find_task(run_id))
        else:
            self._engine.cancel(run)
        return {}

    def cancel_all(self, request: Request) -> Json:
        """``jobs/runs/cancel-all``."""
        job_id = request.integer("job_id")
        only_queued = request.boolean("all_queued_runs")
        if job_id is None and not only_queued:
            raise errors.invalid_parameter("Missing required field: job_id")
        if job_id is not None:
            self._registry.find(job_id)
        for run in self._engine.active_runs(job_id):
            if not only_queued or run.state.life_cycle == "QUEUED":
                self._engine.cancel(run)
        return {}

    def delete(self, request: Request) -> Json:
        """``jobs/runs/delete``."""
        self._engine.delete(self._engine.find_run(request.required_integer("run_id")))
        return {}


def _idempotency_token(request: Request) -> str | None:
    token = request.text("idempotency_token")
    if token and len(token) > _TOKEN_LENGTH:
        raise errors.invalid_parameter(
            f"The idempotency token has {len(token)} characters; at most {_TOKEN_LENGTH} are "
            "allowed."
        )
    return token or None


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
        raise errors.invalid_parameter(
            f"Job parameters cannot be combined with task parameters ({', '.join(given)})."
        )
    if "jar_params" in given and "notebook_params" in given:
        raise errors.invalid_parameter(
            "jar_params cannot be specified in conjunction with notebook_params."
        )
    for name in _LIMITED:
        size = len(json.dumps({name: given.get(name)}, separators=(",", ":")).encode())
        if size > _PARAMETER_BYTES:
            raise errors.invalid_parameter(
                f"{name} takes {size} bytes as JSON; at most {_PARAMETER_BYTES} are allowed."
            )
    for name in _ASCII_ONLY:
        if not all(each.isascii() for each in given.get(name, ())):
            raise errors.invalid_parameter(f"{name} may hold only ASCII characters.")
    return given


def _only(settings: Settings, request: Request) -> frozenset[str]:
    only = request.text_list("only")
    if not only:
        return frozenset()
    try:
        return frozenset(plan.selected_keys(settings["tasks"], only))
    except KeyError as unknown:
        raise errors.invalid_parameter(
            f"Task {unknown.args[0]} does not exist in the job."
        ) from None


def _page_size(request: Request) -> int:
    limit = request.integer("limit")
    if limit is None:
        return _PAGE
    if limit > _LARGEST_PAGE:
        raise errors.invalid_parameter(
            f"Invalid limit {limit} - it has to be no more than {_LARGEST_PAGE}."
        )
    if limit < 0:
        raise errors.invalid_parameter(f"Invalid limit {limit} - it must not be negative.")
    return limit or _LARGEST_PAGE


def _run_filter(request: Request) -> RunFilter:
    active, completed = request.boolean("active_only"), request.boolean("completed_only")
    if active and completed:
        raise errors.invalid_parameter("active_only and completed_only cannot both be true.")
    return RunFilter(
        job_id=request.integer("job_id"),
        active=True if active else False if completed else None,
        run_type=request.text("run_type"),
        started_from=request.integer("start_time_from"),
        started_to=request.integer("start_time_to"),
    )
