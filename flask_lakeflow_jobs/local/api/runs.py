"""``jobs/run-now`` and ``jobs/runs/…``: what goes on."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..engine.engine import Engine, RunRequest
from ..engine.files import FileMissing, WorkspaceFiles
from ..errors import ApiError, InvalidParameterValue, InvalidState
from ..model import JobRun, Settings, TaskRun
from ..registry import Registry
from ..store.sqlite import RunFilter
from ..store.unit_of_work import UnitOfWork
from . import pagination
from .html import render_notebook
from .jobs import parse_page_start, parse_settings
from .pagination import paginate_runs
from .parameters import idempotency_token, parse_repair_request, parse_run_request
from .request import Request
from .serializers import Json, RunSerializer

_PAGE = 20
_LARGEST_PAGE = 26  # "Invalid limit 27 - it has to be no more than 26."
_LARGEST_PAGE_OF_OLD = 1000
_RUN_TYPES = ("JOB_RUN", "WORKFLOW_RUN", "SUBMIT_RUN")
_VIEWS = ("CODE", "DASHBOARDS", "ALL")
_MULTIPLE_TASKS = (
    "Retrieving the output of runs with multiple tasks is not supported. "
    "Please retrieve the output of each individual task run instead."
)
_NESTED_LISTS = ("tasks", "iterations", "job_clusters", "job_parameters", "repair_history")


class RunEndpoints:
    """The handlers of ``jobs/run-now`` and ``jobs/runs/…``."""

    def __init__(
        self,
        registry: Registry,
        unit_of_work: UnitOfWork,
        engine: Engine,
        files: WorkspaceFiles,
        serializer: RunSerializer,
    ) -> None:
        self._registry = registry
        self._unit_of_work = unit_of_work
        self._engine = engine
        self._files = files
        self._serializer = serializer

    def run_now(self, request: Request) -> Json:
        """``jobs/run-now``."""
        job = self._registry.find(request.required_integer("job_id"))
        run = self._engine.start_run(parse_run_request(job, request))
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def submit(self, request: Request) -> Json:
        """``jobs/runs/submit``."""
        name = request.text("run_name") or "Untitled"
        settings = parse_settings(request.fields, name)
        run = self._engine.start_run(
            RunRequest(
                job_id=self._unit_of_work.new_id(),
                name=name,
                creator=self._registry.user,
                settings=settings,
                token=idempotency_token(request),
                run_type="SUBMIT_RUN",
            )
        )
        return {"run_id": run.run_id}

    def get(self, request: Request) -> Json:
        """``jobs/runs/get``, of a run or of one attempt of a task."""
        run_id = request.required_integer("run_id")
        resolved = request.boolean("include_resolved_values")
        with self._unit_of_work.reading():
            try:
                run = self._unit_of_work.find_run(run_id)
            except ApiError:
                of_task = self._unit_of_work.find_task(run_id)
                shape = self._serializer.task_as_run(*of_task, with_resolved_values=resolved)
            else:
                history = request.boolean("include_history")
                shape = self._serializer.run(
                    run, with_history=history, with_resolved_values=resolved
                )
        return pagination.paginate_nested(shape, _NESTED_LISTS, request)

    def list(self, request: Request) -> Json:
        """``jobs/runs/list``."""
        wanted = _run_filter(request)
        size, token = _page_size(request), request.text("page_token") or ""
        offset = 0 if token else parse_page_start(request)
        expand = request.boolean("expand_tasks")
        with self._unit_of_work.reading() as store:
            list_runs = partial(store.list_runs, wanted)
            page = paginate_runs(list_runs, size, token=token, offset=offset)
            runs = [self._unit_of_work.find_run(run_id) for _, run_id in page.found]
            shapes = [self._listed_shape(run, expand_tasks=expand) for run in runs]
        answer: dict[str, Any] = {"runs": shapes} if shapes else {}
        answer |= page.tokens
        if request.version != "2.2":
            answer["has_more"] = "next_page_token" in answer
        return answer

    def get_output(self, request: Request) -> Json:
        """``jobs/runs/get-output``."""
        run_id = request.required_integer("run_id")
        with self._unit_of_work.reading():
            run, task = self._single_task(run_id, request)
            return self._serializer.output(run, task, self._engine.output_of(task))

    def export(self, request: Request) -> Json:
        """``jobs/runs/export``: the code of a notebook and what it printed."""
        run_id = request.required_integer("run_id")
        wanted = request.text("views_to_export") or "CODE"
        if wanted not in _VIEWS:
            raise InvalidParameterValue(
                f"Unknown views_to_export {wanted!r}. It is one of {', '.join(_VIEWS)}."
            )
        with self._unit_of_work.reading():
            run, task = self._single_task(run_id, request)
            output = self._engine.output_of(task)
        if "notebook_task" not in task.spec:
            raise InvalidParameterValue(f"Run {run_id} is no run of a notebook.")
        if wanted == "DASHBOARDS":
            return {"views": []}
        path = (task.resolved or task.spec)["notebook_task"]["notebook_path"]
        try:
            source = self._files.find_notebook(path).read_text(errors="replace")
        except FileMissing as missing:
            raise InvalidParameterValue(str(missing)) from None
        name = path.rpartition("/")[2]
        content = render_notebook(name, source, output, f"{run.name}: {task.key}")
        return {"views": [{"content": content, "name": name, "type": "NOTEBOOK"}]}

    def cancel(self, request: Request) -> Json:
        """``jobs/runs/cancel``: answered before it is done."""
        run_id = request.required_integer("run_id")
        try:
            run = self._unit_of_work.find_run(run_id)
        except ApiError:
            self._engine.cancel_task(*self._unit_of_work.find_task(run_id))
        else:
            self._engine.cancel(run)
        return {}

    def cancel_all(self, request: Request) -> Json:
        """``jobs/runs/cancel-all``."""
        job_id = request.integer("job_id")
        only_queued = request.boolean("all_queued_runs")
        if job_id is None and not only_queued:
            raise InvalidParameterValue("Missing required field: job_id")
        if job_id is not None:
            self._registry.find(job_id)
        for run in reversed(self._unit_of_work.live_runs(job_id)):
            if not only_queued or run.state.life_cycle == "QUEUED":
                self._engine.cancel(run)
        return {}

    def repair(self, request: Request) -> Json:
        """``jobs/runs/repair``."""
        run = self._unit_of_work.find_run(request.required_integer("run_id"))
        with self._unit_of_work.change():
            if run.is_active:
                raise InvalidState(
                    f"Run {run.run_id} is still active. A run can be repaired once it has ended."
                )
            latest = run.repairs[-1].repair_id if run.repairs else None
            given = request.integer("latest_repair_id")
            if given != latest and (latest or given):
                raise InvalidParameterValue(
                    "The latest repair ID needs to be provided in order to create a new repair"
                )
            asked = parse_repair_request(run, self._current_settings(run), request)
            return {"repair_id": self._engine.repair(run, asked)}

    def delete(self, request: Request) -> Json:
        """``jobs/runs/delete``."""
        run = self._unit_of_work.find_run(request.required_integer("run_id"))
        with self._unit_of_work.change():
            if run.is_active:
                raise InvalidState(
                    f"Run {run.run_id} is still active. Cancel it and wait for its end first."
                )
            self._unit_of_work.delete_run(run)
        return {}

    def _listed_shape(self, run: JobRun, *, expand_tasks: bool) -> Json:
        if not expand_tasks:
            return self._serializer.base_run(run)
        return pagination.truncate_nested(self._serializer.run(run), _NESTED_LISTS)

    def _single_task(self, run_id: int, request: Request) -> tuple[JobRun, TaskRun]:
        try:
            run, task = self._unit_of_work.find_task(run_id)
        except ApiError:
            run = self._unit_of_work.find_run(run_id)
            latest = list(run.latest_attempts().values())
            # Since 2.1 a run with but one task is one with multiple tasks, too.
            if request.version == "2.0" and len(latest) == 1:
                return run, latest[0]
            raise InvalidParameterValue(_MULTIPLE_TASKS) from None
        if run_id == run.run_id:
            return run, run.latest_attempts()[task.key]
        return run, task

    def _current_settings(self, run: JobRun) -> Settings:
        try:
            return self._registry.find(run.job_id).settings
        except ApiError:
            return run.settings


def _page_size(request: Request) -> int:
    largest = _LARGEST_PAGE_OF_OLD if request.version == "2.0" else _LARGEST_PAGE
    limit = request.integer("limit")
    if limit is None:
        return _PAGE
    if limit > largest:
        raise InvalidParameterValue(f"Invalid limit {limit} - it has to be no more than {largest}.")
    if limit < 0:
        raise InvalidParameterValue(f"Invalid limit {limit} - it must not be negative.")
    return limit or largest


def _run_filter(request: Request) -> RunFilter:
    active, completed = request.boolean("active_only"), request.boolean("completed_only")
    if active and completed:
        raise InvalidParameterValue("active_only and completed_only cannot both be true.")
    run_type = request.text("run_type") or None
    if run_type is not None and run_type not in _RUN_TYPES:
        raise InvalidParameterValue(
            f"Unknown run_type {run_type!r}. It is one of {', '.join(_RUN_TYPES)}."
        )
    return RunFilter(
        job_id=request.integer("job_id"),
        active=True if active else False if completed else None,
        run_type=run_type,
        started_from=request.integer("start_time_from"),
        started_to=request.integer("start_time_to"),
    )
