"""The Jobs API, through the SDK: requests, whole responses, and checked arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from databricks.sdk.service.jobs import (
    BaseRun,
    ExportRunOutput,
    Job,
    JobPermissions,
    RepairRunResponse,
    Run,
    RunNowResponse,
    RunOutput,
)

from ..clock import parse_server_time
from ..errors import InvalidParameters, InvalidRequest
from ..runs import RUNS_PER_PAGE
from ..runs.ids import parse_id
from ..runs.output_parts import LogPart
from ..text import is_loopback
from .document_types import conform
from .failures import IncompleteResponse

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

T = TypeVar("T")

#: Fields of a run, and of a job's settings, that come in pages.
#: Source: Databricks REST API, Jobs 2.2.
PAGED_RUN_FIELDS = ("tasks", "iterations", "job_clusters", "job_parameters", "repair_history")
PAGED_SETTINGS_FIELDS = ("tasks", "job_clusters", "parameters", "environments")

#: Source: Databricks REST API, run-now.
PERFORMANCE_TARGETS = ("PERFORMANCE_OPTIMIZED", "STANDARD")


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """A response of the Jobs API.

    :param value: the SDK's dataclass, which leaves out what its version does not know.
    """

    document: dict[str, Any]
    value: T


class JobsApiClient:
    """The calls of the Jobs API that the extension makes.

    Pages are joined, and a response without required fields raises :exc:`IncompleteResponse`.
    Requests have the fields that the Jobs API has, also those that the installed SDK does not know.
    """

    def __init__(self, client: WorkspaceClient) -> None:
        self._client = client

    def get_job(self, job_id: int) -> ApiResponse[Job]:
        """Return a job's definition, and what its triggers wait for."""
        first, *others = self._pages("get", job_id=job_id, include_trigger_state="true")
        settings = dict(first.get("settings") or {})
        for page in others:
            _extend(settings, page.get("settings") or {}, PAGED_SETTINGS_FIELDS)
        return _parse({**first, "settings": settings}, Job, "job_id")

    def get_run(
        self, run_id: int, *, history: bool = False, resolved: bool = False
    ) -> ApiResponse[Run]:
        """Return a run with all its tasks.

        :param history: include its repairs.
        :param resolved: include the values of the tasks' parameters.
        """
        run, *others = self._pages(
            "runs/get",
            run_id=run_id,
            include_history=history or None,
            include_resolved_values=resolved or None,
        )
        # The pages of a for-each task contain its iterations, and the task itself in each page.
        names = [name for name in PAGED_RUN_FIELDS if name != "tasks" or not run.get("iterations")]
        for page in others:
            _extend(run, page, names)
        return _parse(run, Run, "run_id", "job_id")

    def get_run_first_page(self, run_id: int) -> tuple[ApiResponse[Run], float | None]:
        """Return a run, with only the first page of its tasks, and the workspace's time.

        :return: the time in seconds since the epoch; ``None`` if the response has none.
        """
        run = self._get("runs/get", ["Date"], run_id=run_id)
        server_time = parse_server_time(run.pop("Date", None))
        return _parse(run, Run, "run_id", "job_id"), server_time

    def list_runs(
        self, job_id: int, limit: int, filters: Mapping[str, Any], *, all_tasks: bool = True
    ) -> list[ApiResponse[BaseRun]]:
        """Return the newest runs of a job, newest first.

        :param filters: as the Jobs API names them.
        :param all_tasks: expanded runs have all their tasks, instead of the first 100.
        """
        pages = self._pages("runs/list", job_id=job_id, limit=min(limit, RUNS_PER_PAGE), **filters)
        listed = (run for page in pages for run in page.get("runs") or ())
        runs = [_parse(run, BaseRun, "run_id") for run in islice(listed, limit)]
        is_expanded = all_tasks and filters.get("expand_tasks")
        return [self._expand(run) if is_expanded else run for run in runs]

    def get_task_output(self, task_run_id: int) -> ApiResponse[RunOutput]:
        """Return the output of one task, by the run id of the task."""
        return _parse(self._get("runs/get-output", run_id=task_run_id), RunOutput)

    def export_notebook(self, task_run_id: int) -> dict[str, Any]:
        """Return the code of a notebook's run and its output, as HTML pages under ``views``."""
        page = self._get("runs/export", run_id=task_run_id, views_to_export="CODE")
        return _parse(page, ExportRunOutput).document

    def get_log_part(self, task_run_id: int, offset: int, limit: int) -> LogPart | None:
        """Return a part of a task's log from the local workspace; ``None`` from any other.

        Only a workspace on this machine is asked: the Jobs API has no such call.
        """
        if not is_loopback(self._client.config.host):
            return None
        query = {"run_id": task_run_id, "offset": offset, "limit": limit}
        part = self._do("/api/local/task-log", query, [])
        try:
            return LogPart.from_local(part)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise IncompleteResponse("A part of a log is not complete.") from error

    def get_permissions(self, job_id: int) -> JobPermissions:
        return self._client.jobs.get_permissions(str(job_id))

    def run_now(self, job_id: int, fields: Mapping[str, Any]) -> RunNowResponse:
        """Start a run.

        :param fields: of run-now, as the Jobs API names them.
        """
        response = _parse(self._post("run-now", job_id=job_id, **fields), RunNowResponse).value
        response.run_id = _require_id("run_id", response.run_id)
        return response

    def cancel_run(self, run_id: int) -> None:
        self._post("runs/cancel", run_id=run_id)

    def cancel_all_runs(self, job_id: int) -> None:
        self._post("runs/cancel-all", job_id=job_id)

    def repair_run(self, run_id: int, fields: Mapping[str, Any]) -> int:
        """Run tasks of an ended run again, and return the id of the repair.

        :param fields: of runs/repair, as the Jobs API names them.
        """
        response = _parse(self._post("runs/repair", run_id=run_id, **fields), RepairRunResponse)
        return _require_id("repair_id", response.value.repair_id)

    def update_job(self, job_id: int, changes: Mapping[str, Any]) -> None:
        """Replace some settings of a job.

        :param changes: the settings as the Jobs API names them.
        """
        self._post("update", job_id=job_id, new_settings=dict(changes))

    @property
    def _workspace_headers(self) -> dict[str, str]:
        """The headers of the SDK's own calls that name the workspace."""
        workspace_id = getattr(self._client.config, "workspace_id", None)  # not in older SDKs
        return {"X-Databricks-Workspace-Id": workspace_id} if workspace_id else {}

    def _expand(self, run: ApiResponse[BaseRun]) -> ApiResponse[BaseRun]:
        if not run.document.get("has_more"):
            return run
        document = self.get_run(int(run.value.run_id or 0)).document
        return _parse(document, BaseRun, "run_id")

    def _pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        token, tokens = None, set()
        while True:
            page = self._get(path, page_token=token, **query)
            yield page
            token = page.get("next_page_token")
            if not token:
                return
            if token in tokens:
                raise IncompleteResponse("The pages of a response have no end.")
            tokens.add(token)

    def _get(self, path: str, response_headers: Sequence[str] = (), **query: Any) -> dict[str, Any]:
        """Return a page of a response, with some of its headers among its fields."""
        return self._do(f"/api/2.2/jobs/{path}", query, response_headers)

    def _post(self, path: str, **body: Any) -> Any:
        """Send a request whose body has these fields; ``None``: the request lacks the field."""
        return self._client.api_client.do(
            "POST",
            f"/api/2.2/jobs/{path}",
            body={name: value for name, value in body.items() if value is not None},
            headers={"Accept": "application/json", **self._workspace_headers},
        )

    def _do(
        self, path: str, query: Mapping[str, Any], response_headers: Sequence[str]
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json", **self._workspace_headers}
        page: Any = self._client.api_client.do(
            "GET",
            path,
            query={name: value for name, value in query.items() if value is not None},
            headers=headers,
            response_headers=list(response_headers),
        )
        if not isinstance(page, dict):
            raise IncompleteResponse("A response is not a JSON object.")
        return page


def _require_id(name: str, value: object) -> int:
    """Return an id of a response, unless it is missing or not positive."""
    if (number := parse_id(value)) is None:
        raise IncompleteResponse(f"A response has no {name}.")
    return number


def _parse(received: Any, kind: type[T], *required: str) -> ApiResponse[T]:
    """Return a response without its null fields and page token.

    :param kind: the SDK's dataclass.
    """
    if not isinstance(received, dict):
        raise IncompleteResponse("A part of a response is not a JSON object.")
    document = conform(received, kind)
    value: T = kind.from_dict(document)  # type: ignore[attr-defined]
    for name in required:
        if getattr(value, name) is None:
            raise IncompleteResponse(f"A response has no {name}.")
    present = {name: field for name, field in document.items() if field is not None}
    present.pop("next_page_token", None)
    return ApiResponse(present, value)


def _extend(document: dict[str, Any], page: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if page.get(name):
            document[name] = [*(document.get(name) or ()), *page[name]]


def check_list_arguments(limit: Any, filters: Mapping[str, Any]) -> None:
    """Check the arguments of :meth:`JobsApiClient.list_runs`.

    :raises InvalidRequest: the limit is not a positive integer, or no run can match.
    """
    if not isinstance(limit, int) or limit < 1:
        raise InvalidRequest(f"The limit must be a positive integer, not {limit!r}.")
    if filters.get("active_only") and filters.get("completed_only"):
        raise InvalidRequest("Set active_only or completed_only, not both.")


def parse_queue(queue: object) -> dict[str, bool] | None:
    """Return the settings of the queue, as the Jobs API names them.

    :raises InvalidParameters: it is neither a boolean nor ``None``.
    """
    if queue is None:
        return None
    if not isinstance(queue, bool):
        raise InvalidParameters(
            f"queue must be True or False, not {queue!r}.", {"queue": ["Must be a boolean."]}
        )
    return {"enabled": queue}


def parse_performance_target(target: object) -> str | None:
    """Return the performance target as the Jobs API names it.

    :param target: its name, or the SDK's value.
    :raises InvalidParameters: there is none of this name.
    """
    name = getattr(target, "value", target)
    if name is None or name in PERFORMANCE_TARGETS:
        return name
    names = ", ".join(PERFORMANCE_TARGETS)
    raise InvalidParameters(
        f"performance_target must be one of {names}, not {name!r}.",
        {"performance_target": [f"Must be one of {names}."]},
    )
