"""What is read of the Jobs API, whole, and as it spells it: the SDK's dataclasses leave out what
their version does not know."""
# MERGED """What a call asks for, checked and in the words of the SDK. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from databricks.sdk.service.jobs import (
    BaseRun,
    Job,
    PerformanceTarget,
    PipelineParams,
    Run,
    RunOutput,
)

from ..errors import InvalidParameters, InvalidRequest
from .error_mapping import IncompleteResponse

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

T = TypeVar("T")


#: Runs in one page of runs/list: what the Jobs API gives at most.
RUNS_PER_PAGE = 25


#: What of a run and of a job's settings comes in pages. Source: Databricks REST API, Jobs 2.2.
PAGED_OF_RUN = ("tasks", "iterations", "job_clusters", "job_parameters", "repair_history")


PAGED_OF_SETTINGS = ("tasks", "job_clusters", "parameters", "environments")


@dataclass(frozen=True)
class ApiResponse(Generic[T]):
    """What the workspace says.

    :param document: as it spells it.
    :param value: as the SDK reads it.
    """

    document: dict[str, Any]
    value: T


class JobsApiClient:
    """The reads of the Jobs API.

    :param client: of the workspace.
    """

    def __init__(self, client: WorkspaceClient) -> None:
        self._client = client

    def get_job(self, job_id: int) -> ApiResponse[Job]:
        """A job's definition.

        :param job_id: the job.
        """

        def page(token: str | None) -> dict[str, Any]:
            return self._get("get", job_id=job_id, page_token=token)

        first = page(None)
        settings = dict(first.get("settings") or {})
        for more in _pages_after(first, page):
            _extend(settings, more.get("settings") or {}, PAGED_OF_SETTINGS)
        document = {**first, "settings": settings}
        return _answer(document, Job.from_dict, "job_id")

    def get_run(self, run_id: int, *, history: bool = False) -> ApiResponse[Run]:
        """A run with all its tasks.

        :param run_id: the run.
        :param history: with its repairs.
        """

        def page(token: str | None) -> dict[str, Any]:
            return self._get(
                "runs/get", run_id=run_id, include_history=history or None, page_token=token
            )

        document = page(None)
        # The pages of a task that repeats another have its iterations, and the task in each.
        lists = [name for name in PAGED_OF_RUN if name != "tasks" or not document.get("iterations")]
        for more in _pages_after(dict(document), page):
            _extend(document, more, lists)
        return _answer(document, Run.from_dict, "run_id")

    def get_run_first_page(self, run_id: int) -> tuple[ApiResponse[Run], float | None]:
        """A run without the tasks beyond its first page, and what time the workspace has.

        :param run_id: the run.
        :return: the time in seconds since the epoch; ``None``: the workspace does not tell.
        """
        document = self._get("runs/get", ["Date"], run_id=run_id)
        now = _seconds(document.pop("Date", None))
        return _answer(document, Run.from_dict, "run_id"), now

    def list_runs(
        self, job_id: int, limit: int, filters: Mapping[str, Any]
    ) -> list[ApiResponse[BaseRun]]:
        """The newest runs of a job, newest first, over as many pages as it takes.

        :param job_id: the job.
        :param limit: the most runs.
        :param filters: as the Jobs API names them; those that are expanded have all their tasks.
        """

        def page(token: str | None) -> dict[str, Any]:
            most = min(limit, RUNS_PER_PAGE)
            return self._get("runs/list", job_id=job_id, limit=most, page_token=token, **filters)

        def all_runs() -> Iterator[dict[str, Any]]:
            first = page(None)
            yield from first.get("runs") or ()
            for more in _pages_after(first, page):
                yield from more.get("runs") or ()

        answers = [_answer(run, BaseRun.from_dict, "run_id") for run in islice(all_runs(), limit)]
        return [self._whole(run) if filters.get("expand_tasks") else run for run in answers]

    def get_task_output(self, task_run_id: int) -> ApiResponse[RunOutput]:
        """What one task left.

        :param task_run_id: the run id of the task, not of the job's run.
        """
        return _answer(self._get("runs/get-output", run_id=task_run_id), RunOutput.from_dict)

    def _whole(self, run: ApiResponse[BaseRun]) -> ApiResponse[BaseRun]:
        if not run.document.get("has_more"):
            return run
        document = self.get_run(int(run.value.run_id or 0)).document
        return _answer(document, BaseRun.from_dict, "run_id")

    def _get(self, path: str, response_headers: Sequence[str] = (), **query: Any) -> dict[str, Any]:
        """A page of an answer, with headers beside it."""
        headers = {"Accept": "application/json"}
        workspace_id = getattr(self._client.config, "workspace_id", None)  # older SDKs have none
        if workspace_id:  # as the SDK's own calls have it
            headers["X-Databricks-Workspace-Id"] = workspace_id
        answer: Any = self._client.api_client.do(
            "GET",
            f"/api/2.2/jobs/{path}",
            query={name: value for name, value in query.items() if value is not None},
            headers=headers,
            response_headers=list(response_headers),
        )
        if not isinstance(answer, dict):
            raise IncompleteResponse("An answer is no JSON object.")
        return answer


def _answer(
    document: dict[str, Any], read: Callable[[dict[str, Any]], T], *needed: str
) -> ApiResponse[T]:
    """An answer as it is spelled, less what is null; it has to have something, and is whole."""
    value = read(document)
    for name in needed:
        if getattr(value, name) is None:
            raise IncompleteResponse(f"An answer has no {name}.")
    said = {name: member for name, member in document.items() if member is not None}
    said.pop("next_page_token", None)
    return ApiResponse(said, value)


def _pages_after(
    first: Mapping[str, Any], page: Callable[[str | None], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    known, last = set(), first
    while token := last.get("next_page_token"):
        if token in known:
            raise IncompleteResponse("The pages of an answer have no end.")
        known.add(token)
        last = page(token)
        yield last


def _extend(whole: dict[str, Any], page: Mapping[str, Any], lists: Sequence[str]) -> None:
    for name in lists:
        if page.get(name):
            whole[name] = [*(whole.get(name) or ()), *page[name]]


def _seconds(date: str | None) -> float | None:
    """Seconds since the epoch of a ``Date`` header, which has no fractions of them."""
    try:
        return parsedate_to_datetime(date or "").timestamp() + 0.5
    except ValueError:
        return None


def check_range(limit: Any, filters: Mapping[str, Any]) -> None:
    """Refuse to list what makes no sense.

    :param limit: the most runs.
    :param filters: as the Jobs API names them.
    :raises InvalidRequest: the limit is no positive whole number, or no run can match.
    """
    if not isinstance(limit, int) or limit < 1:
        raise InvalidRequest(f"A limit is a positive whole number, not {limit!r}.")
    if filters.get("active_only") and filters.get("completed_only"):
        raise InvalidRequest("Ask for runs that go on, or for those that have ended, not both.")


def sdk_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of run-now as the SDK takes them.

    :param fields: as the Jobs API spells them.
    :raises InvalidParameters: the installed SDK would leave some of them out without a word.
    """
    pipeline = fields.get("pipeline_params")
    if not isinstance(pipeline, Mapping):
        return dict(fields)
    params = PipelineParams.from_dict(dict(pipeline))
    unknown = [name for name in pipeline if not hasattr(params, name)]
    if unknown:
        raise InvalidParameters(
            f"The installed databricks-sdk does not know {', '.join(unknown)}. Upgrade it:"
            " pip install --upgrade databricks-sdk.",
            {name: ["Is not known to the installed databricks-sdk."] for name in unknown},
        )
    return {**fields, "pipeline_params": params}


def sdk_performance_target(word: str | None) -> PerformanceTarget | None:
    """A performance target as the SDK has it.

    :param word: as the Jobs API spells it.
    :raises InvalidParameters: there is none of that name.
    """
    if word is None:
        return None
    try:
        return PerformanceTarget(word)
    except ValueError:
        known = ", ".join(target.value for target in PerformanceTarget)
        raise InvalidParameters(
            f"performance_target must be one of {known}, not {word!r}.",
            {"performance_target": [f"Must be one of {known}."]},
        ) from None
