"""Endpoints of runs: ``jobs/run-now`` and ``jobs/runs/…``."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from ..engine.engine import Engine
from ..errors import ApiError, InvalidParameterValue, InvalidState
from ..events import RunRequest
from ..model import JobRun, Settings, TaskRun
from ..registry import Registry
from ..store.runs import RunStore
from ..store.sqlite import RunSelection
from ..tasks.files import FileMissing, WorkspaceFiles
from ..tasks.logs import MAX_PART_BYTES, MIN_PART_BYTES
from .html import render_notebook
from .job_settings import parse_settings
from .pages import paginate_nested, paginate_runs, parse_limit, truncate_nested
from .request import Request, Routes
from .run_requests import parse_idempotency_token, parse_repair_request, parse_run_request
from .serializers import Json, RunSerializer

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 26  # "Invalid limit 27 - it has to be no more than 26."
_MAX_LIMIT_2_0 = 1000
_RUN_TYPES = ("JOB_RUN", "WORKFLOW_RUN", "SUBMIT_RUN")
_VIEWS = ("CODE", "DASHBOARDS", "ALL")
_NESTED_LISTS = ("tasks", "iterations", "job_clusters", "job_parameters", "repair_history")


class RunEndpoints:
    """The handlers of ``jobs/run-now`` and ``jobs/runs/…``."""

    def __init__(
        self,
        registry: Registry,
        run_store: RunStore,
        engine: Engine,
        files: WorkspaceFiles,
        serializer: RunSerializer,
    ) -> None:
        self._registry = registry
        self._run_store = run_store
        self._engine = engine
        self._files = files
        self._serializer = serializer
        self.routes: Routes = {
            ("POST", "jobs/run-now"): self.run_now,
            ("POST", "jobs/runs/submit"): self.submit,
            ("POST", "jobs/runs/repair"): self.repair,
            ("GET", "jobs/runs/export"): self.export,
            ("GET", "jobs/runs/get"): self.get,
            ("GET", "jobs/runs/list"): self.list,
            ("GET", "jobs/runs/get-output"): self.get_output,
            ("POST", "jobs/runs/cancel"): self.cancel,
            ("POST", "jobs/runs/cancel-all"): self.cancel_all,
            ("POST", "jobs/runs/delete"): self.delete,
        }

    def run_now(self, request: Request) -> Json:
        job = self._registry.find(request.require_int("job_id"))
        run = self._engine.start_run(parse_run_request(job, request))
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def submit(self, request: Request) -> Json:
        name = request.read_text("run_name") or "Untitled"
        settings = parse_settings(request.fields, name)
        run = self._engine.start_run(
            RunRequest(
                job_id=self._run_store.new_id(),
                name=name,
                creator=self._registry.user,
                settings=settings,
                token=parse_idempotency_token(request),
                run_type="SUBMIT_RUN",
            )
        )
        return {"run_id": run.run_id}

    def get(self, request: Request) -> Json:
        """``jobs/runs/get``, of a run or of one attempt of a task."""
        run_id = request.require_int("run_id")
        resolved = request.read_bool("include_resolved_values")
        history = request.read_bool("include_history")
        with self._run_store.exclusive():
            run, task = self._find(run_id)
            if task:
                shape = self._serializer.serialize_task_as_run(
                    run, task, with_resolved_values=resolved
                )
            else:
                shape = self._serializer.serialize(
                    run, with_history=history, with_resolved_values=resolved
                )
        return paginate_nested(shape, _NESTED_LISTS, request)

    def list(self, request: Request) -> Json:
        selection = _parse_selection(request)
        maximum = _MAX_LIMIT_2_0 if request.version == "2.0" else _MAX_LIMIT
        limit = parse_limit(request, default=_DEFAULT_LIMIT, maximum=maximum)
        expand = request.read_bool("expand_tasks")
        with self._run_store.exclusive() as store:
            list_runs = partial(store.list_runs, selection)
            run_ids, fields = paginate_runs(list_runs, request, limit)
            runs = [self._run_store.find_run(run_id) for run_id in run_ids]
            shapes = [self._serialize_listed(run, expand_tasks=expand) for run in runs]
        return {"runs": shapes, **fields} if shapes else fields

    def get_output(self, request: Request) -> Json:
        task_id = self._find_single_task(request).run_id
        return self._serializer.serialize_output(*self._engine.read_output(task_id))

    def get_log(self, request: Request) -> Json:
        """``/api/local/task-log``: a part of the log of an attempt. The service has none."""
        offset, limit = request.require_int("offset"), request.require_int("limit")
        limit = max(MIN_PART_BYTES, min(limit, MAX_PART_BYTES))
        task_id = self._find_single_task(request).run_id
        return asdict(self._engine.read_log_part(task_id, offset, limit))

    def export(self, request: Request) -> Json:
        """``jobs/runs/export``: the code of a notebook and its output."""
        views = request.read_choice("views_to_export", _VIEWS)
        run, task, output = self._engine.read_output(self._find_single_task(request).run_id)
        if "notebook_task" not in task.spec:
            raise InvalidParameterValue(f"Run {task.run_id} is not a run of a notebook.")
        if views == "DASHBOARDS":
            return {"views": []}
        path = (task.resolved or task.spec)["notebook_task"]["notebook_path"]
        try:
            source = self._files.find_notebook(path).read_text("utf-8-sig", "replace")
        except FileMissing as error:
            raise InvalidParameterValue(str(error)) from None
        except OSError as error:
            message = f"The notebook {path} cannot be read: {error.strerror}."
            raise InvalidParameterValue(message) from None
        name = path.rpartition("/")[2]
        content = render_notebook(name, source, output, f"{run.name}: {task.key}")
        return {"views": [{"content": content, "name": name, "type": "NOTEBOOK"}]}

    def cancel(self, request: Request) -> Json:
        """``jobs/runs/cancel``: respond before the run has ended."""
        self._engine.cancel(*self._find(request.require_int("run_id")))
        return {}

    def cancel_all(self, request: Request) -> Json:
        job_id = request.read_int("job_id")
        only_queued = request.read_bool("all_queued_runs")
        if job_id is not None:
            self._registry.find(job_id)
        elif not only_queued:
            raise InvalidParameterValue("Missing required field: job_id")
        for run in reversed(self._run_store.active_runs(job_id)):
            if not only_queued or run.state.life_cycle == "QUEUED":
                self._engine.cancel(run)
        return {}

    def repair(self, request: Request) -> Json:
        with self._run_store.exclusive():
            run = self._run_store.find_run(request.require_int("run_id"))
            if run.is_active:
                raise InvalidState(
                    f"Run {run.run_id} is still active. A run can be repaired once it has ended."
                )
            latest = run.repairs[-1].repair_id if run.repairs else None
            expected = request.read_int("latest_repair_id")
            if expected != latest and (latest or expected):
                raise InvalidParameterValue(
                    "The latest repair ID needs to be provided in order to create a new repair"
                )
            repair_request = parse_repair_request(run, self._current_settings(run), request)
            return {"repair_id": self._engine.repair(run, repair_request)}

    def delete(self, request: Request) -> Json:
        with self._run_store.exclusive():
            run = self._run_store.find_run(request.require_int("run_id"))
            if run.is_active:
                raise InvalidState(
                    f"Run {run.run_id} is still active. Cancel it and wait for its end first."
                )
            self._run_store.delete_run(run)
        return {}

    def _serialize_listed(self, run: JobRun, *, expand_tasks: bool) -> Json:
        serializer = self._serializer
        shape = serializer.serialize(run) if expand_tasks else serializer.serialize_listed(run)
        return truncate_nested(shape, _NESTED_LISTS)

    def _find(self, run_id: int) -> tuple[JobRun, TaskRun | None]:
        """Find a run, or an attempt of a task with its run.

        A run in the single-task format has the id of its task.
        """
        try:
            return self._run_store.find_run(run_id), None
        except ApiError:
            return self._run_store.find_task(run_id)

    def _find_single_task(self, request: Request) -> TaskRun:
        run_id = request.require_int("run_id")
        try:
            run, task = self._run_store.find_task(run_id)
        except ApiError:
            run = self._run_store.find_run(run_id)
            latest = list(run.latest_attempts().values())
            # From API 2.1 on, a run of one task counts as a run with multiple tasks.
            if request.version == "2.0" and len(latest) == 1:
                return latest[0]
            raise InvalidParameterValue(
                "Retrieving the output of runs with multiple tasks is not supported. "
                "Please retrieve the output of each individual task run instead."
            ) from None
        return run.latest_attempts()[task.key] if run_id == run.run_id else task

    def _current_settings(self, run: JobRun) -> Settings:
        try:
            return self._registry.find(run.job_id).settings
        except ApiError:
            return run.settings


def _parse_selection(request: Request) -> RunSelection:
    active, completed = request.read_bool("active_only"), request.read_bool("completed_only")
    if active and completed:
        raise InvalidParameterValue("active_only and completed_only cannot both be true.")
    return RunSelection(
        job_id=request.read_int("job_id"),
        active=True if active else False if completed else None,
        run_type=request.read_choice("run_type", _RUN_TYPES) or None,
        started_from=request.read_int("start_time_from"),
        started_to=request.read_int("start_time_to"),
    )
