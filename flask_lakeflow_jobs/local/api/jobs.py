"""``jobs/…``: what is defined."""

from __future__ import annotations

from typing import Any

from flask_lakeflow_jobs.local import errors
from flask_lakeflow_jobs.local.api import paging
from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.api.shapes import NESTED_LIMIT, Json
from flask_lakeflow_jobs.local.registry import Job, Registry

_PAGE = 20
_LARGEST_PAGE = 100
_LARGEST_OFFSET = 1000


class JobsApi:
    """The handlers of ``jobs/…``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, request: Request) -> Json:
        """``jobs/get``."""
        job = self._registry.find(request.required_integer("job_id"))
        return {**_job_shape(job), "run_as_user_name": job.creator}

    def list(self, request: Request) -> Json:
        """``jobs/list``."""
        limit = request.integer("limit")
        limit = _PAGE if limit is None else limit
        if not 0 <= limit <= _LARGEST_PAGE:
            raise errors.invalid_parameter(
                f"Invalid limit {limit} - it has to be no more than {_LARGEST_PAGE}."
            )
        limit = limit or _LARGEST_PAGE
        start = page_start(request)
        name = request.text("name")
        jobs = [
            job
            for job in self._registry.all()
            if name is None or job.settings["name"].casefold() == name.casefold()
        ]
        answer: dict[str, Any] = {}
        page = jobs[start : start + limit]
        if page:
            expand = request.boolean("expand_tasks")
            answer["jobs"] = [_listed_shape(job, expand_tasks=expand) for job in page]
        if start + limit < len(jobs):
            answer["next_page_token"] = paging.encode([start + limit])
        if start:
            answer["prev_page_token"] = paging.encode([max(0, start - limit)])
        if request.version != "2.2":
            answer["has_more"] = "next_page_token" in answer
        return answer


def page_start(request: Request) -> int:
    """Where a page begins that is given by token or by offset."""
    token = request.text("page_token")
    if token:
        return paging.decode(token, 1)[0]
    offset = request.integer("offset") or 0
    if offset > _LARGEST_OFFSET:
        raise errors.invalid_parameter(
            f"The supplied offset {offset} has exceeded the value of {_LARGEST_OFFSET} allowed "
            "for this "
            "parameter.Please use the page_token parameter to paginate"
        )
    if offset < 0:
        raise errors.invalid_parameter(f"Invalid offset {offset} - it must not be negative.")
    return offset


def _job_shape(job: Job) -> Json:
    return {
        "job_id": job.job_id,
        "creator_user_name": job.creator,
        "created_time": job.created,
        "settings": job.settings,
    }


def _listed_shape(job: Job, *, expand_tasks: bool) -> Json:
    shape = _job_shape(job)
    hidden = () if expand_tasks else ("tasks", "job_clusters", "environments", "parameters")
    settings = {key: value for key, value in job.settings.items() if key not in hidden}
    if expand_tasks and len(settings["tasks"]) > NESTED_LIMIT:
        settings["tasks"] = settings["tasks"][:NESTED_LIMIT]
        shape["has_more"] = True
    shape["settings"] = settings
    return shape
