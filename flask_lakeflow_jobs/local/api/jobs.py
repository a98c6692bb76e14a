"""``jobs/…``: what is defined."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..bundle.conversion import drop_nulls
from ..bundle.validation import validate_settings
from ..errors import ApiError, InvalidParameterValue, UnexpectedType
from ..model import SINGLE_TASK, Settings
from ..registry import RegisteredJob, Registry
from . import pagination
from .request import Request, convert_scalars
from .single_task import add_defaults, with_tasks, without_tasks

_PAGE = 20
_LARGEST_PAGE = 100
_LARGEST_OFFSET = 1000
_UNLIMITED = 2**31  # API 2.0 knows no pages of jobs
_KEYS = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "parameters": "name",
}
_UNNAMED = "Untitled"
_NOT_SETTINGS = {"access_control_list", "idempotency_token", "run_name"}

Json = dict[str, Any]


class JobEndpoints:
    """The handlers of ``jobs/…``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create(self, request: Request) -> Json:
        """``jobs/create``."""
        settings = parse_settings(request.fields, request.fields.get("name", _UNNAMED))
        settings.setdefault("name", _UNNAMED)
        if request.version == "2.2":
            settings.setdefault("queue", {"enabled": True})
        return {"job_id": self._registry.create(settings).job_id}

    def update(self, request: Request) -> Json:
        """``jobs/update``: lists with keys are merged by them, all else is replaced."""
        job = self._registry.find(request.required_integer("job_id"))
        settings = copy.deepcopy(job.settings)
        given = request.object("new_settings") or {}
        drop_nulls(given)
        changes = with_tasks(given, settings["name"])
        for key, value in changes.items():
            if key in _KEYS and isinstance(value, list) and changes.get("format") != SINGLE_TASK:
                settings[key] = _merged(settings.get(key, []), value, _KEYS[key])
            else:
                settings[key] = value
        for path in request.text_list("fields_to_remove") or []:
            _remove(settings, path)
        self._registry.change(job, _checked(settings))
        return {}

    def reset(self, request: Request) -> Json:
        """``jobs/reset``."""
        job = self._registry.find(request.required_integer("job_id"))
        name = job.settings["name"]
        settings = parse_settings(request.object("new_settings") or {}, name)
        # A reset takes everything away but these two (databricks/cli, libs/testserver/jobs.go).
        for key in {"name", "run_as"} & job.settings.keys():
            settings.setdefault(key, job.settings[key])
        self._registry.change(job, settings)
        return {}

    def delete(self, request: Request) -> Json:
        """``jobs/delete``."""
        self._registry.delete(self._registry.find(request.required_integer("job_id")))
        return {}

    def get(self, request: Request) -> Json:
        """``jobs/get``."""
        job = self._registry.find(request.required_integer("job_id"))
        settings = add_defaults(job.settings)
        if request.version == "2.0":
            settings = without_tasks(settings)
        page = pagination.paginate_nested(settings, _KEYS, request)
        answer = {**_job_shape(job), "run_as_user_name": job.creator}
        for key in ("next_page_token", "prev_page_token"):
            if key in page:
                answer[key] = page.pop(key)
        answer["settings"] = page
        return answer

    def list(self, request: Request) -> Json:
        """``jobs/list``."""
        limit = _page_size(request)
        start = parse_page_start(request)
        name = request.text("name")
        jobs = [
            job
            for job in self._registry.all()
            if name is None or job.settings["name"].casefold() == name.casefold()
        ]
        answer: Json = {}
        page = jobs[start : start + limit]
        if page:
            expand = request.boolean("expand_tasks")
            listed = _listed_shape if request.version != "2.0" else _listed_shape_of_old
            answer["jobs"] = [listed(job, expand_tasks=expand) for job in page]
        if start + limit < len(jobs):
            answer["next_page_token"] = pagination.encode([start + limit])
        if start:
            answer["prev_page_token"] = pagination.encode([max(0, start - limit)])
        if request.version != "2.2":
            answer["has_more"] = "next_page_token" in answer
        return answer

    def permissions(self, job_id: str) -> Json:
        """``permissions/jobs/{id}``: the one user owns everything."""
        job = self._found(job_id)
        return {
            "object_id": f"/jobs/{job.job_id}",
            "object_type": "job",
            "access_control_list": [
                {
                    "user_name": job.creator,
                    "display_name": job.creator.partition("@")[0],
                    "all_permissions": [{"permission_level": "IS_OWNER", "inherited": False}],
                }
            ],
        }

    def permission_levels(self, job_id: str) -> Json:
        """``permissions/jobs/{id}/permissionLevels``."""
        self._found(job_id)
        levels = {
            "CAN_VIEW": "Can view the job and its runs",
            "CAN_MANAGE_RUN": "Can view, trigger and cancel runs of the job",
            "IS_OWNER": "Can do anything with the job, and its runs act as the owner",
            "CAN_MANAGE": "Can do anything with the job but own it",
        }
        return {
            "permission_levels": [
                {"permission_level": level, "description": text} for level, text in levels.items()
            ]
        }

    def _found(self, job_id: str) -> RegisteredJob:
        request = Request("2.0", {"job_id": job_id})
        try:
            return self._registry.find(request.required_integer("job_id"))
        except ApiError as error:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", error.message) from None


def parse_settings(given: Mapping[str, Any], name: object) -> Settings:
    """Settings that can be run, in the format with tasks.

    :param name: what the job or run is called, if they do not say it.
    :raises ApiError: they cannot be run.
    """
    known = {key: value for key, value in given.items() if key not in _NOT_SETTINGS}
    drop_nulls(known)
    return _checked(with_tasks(known, name))


def _checked(given: Settings) -> Settings:
    settings = convert_scalars(given)
    for error in validate_settings(settings):
        if error.expected:
            name = ".".join(each for each in error.path if isinstance(each, str))
            raise UnexpectedType(name, error.expected, error.value)
        raise InvalidParameterValue(error.message)
    return settings


def parse_page_start(request: Request) -> int:
    """Where a page begins that is given by token or by offset."""
    token = request.text("page_token")
    if token:
        return pagination.decode(token, 1)[0]
    offset = request.integer("offset") or 0
    if offset > _LARGEST_OFFSET:
        raise InvalidParameterValue(
            f"The supplied offset {offset} has exceeded the value of {_LARGEST_OFFSET} allowed for "
            "this parameter.Please use the page_token parameter to paginate"
        )
    if offset < 0:
        raise InvalidParameterValue(f"Invalid offset {offset} - it must not be negative.")
    return offset


def _merged(items: list[Any], changes: list[Any], key: str) -> list[Any]:
    try:
        merged = {item[key]: item for item in items}
        merged.update({item[key]: item for item in changes})
    except (KeyError, TypeError):
        raise InvalidParameterValue(f"Each item needs a {key!r}.") from None
    return list(merged.values())


def _remove(settings: Settings, path: str) -> None:
    field, _, item_key = path.partition("/")
    if not item_key:
        settings.pop(field, None)
    elif field in _KEYS:
        kept = [item for item in settings.get(field, []) if item.get(_KEYS[field]) != item_key]
        settings[field] = kept


def _page_size(request: Request) -> int:
    limit = request.integer("limit")
    if limit is None:
        return _UNLIMITED if request.version == "2.0" else _PAGE
    if not 0 <= limit <= _LARGEST_PAGE:
        raise InvalidParameterValue(
            f"Invalid limit {limit} - it has to be no more than {_LARGEST_PAGE}."
        )
    return limit or _LARGEST_PAGE


def _job_shape(job: RegisteredJob) -> Json:
    return {
        "job_id": job.job_id,
        "creator_user_name": job.creator,
        "created_time": job.created,
    }


def _listed_shape(job: RegisteredJob, *, expand_tasks: bool) -> Json:
    settings = pagination.truncate_nested(add_defaults(job.settings), _KEYS)
    has_more = settings.pop("has_more", False)
    if not expand_tasks:
        settings = {key: value for key, value in settings.items() if key not in _KEYS}
    shape = {**_job_shape(job), "settings": settings}
    if expand_tasks and has_more:
        shape["has_more"] = True
    return shape


def _listed_shape_of_old(job: RegisteredJob, *, expand_tasks: bool) -> Json:
    if job.settings.get("format") != SINGLE_TASK:
        return _listed_shape(job, expand_tasks=expand_tasks)
    return {**_job_shape(job), "settings": without_tasks(add_defaults(job.settings))}
