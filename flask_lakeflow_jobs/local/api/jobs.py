"""Endpoints of jobs: ``jobs/…`` and ``permissions/jobs/…``."""

from __future__ import annotations

from ..errors import ApiError
from ..registry import RegisteredJob, Registry
from .job_settings import LIST_KEYS, complete_settings, parse_settings, update_settings
from .pagination import page_fields, paginate_nested, parse_limit, parse_start, truncate_nested
from .request import Request
from .serializers import Json

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 100
_UNLIMITED = 2**31  # API 2.0 has no pages of jobs
_DEFAULT_NAME = "Untitled"
_PERMISSION_LEVELS = {
    "CAN_VIEW": "Can view the job and its runs",
    "CAN_MANAGE_RUN": "Can view, trigger and cancel runs of the job",
    "IS_OWNER": "Can do anything with the job, and its runs act as the owner",
    "CAN_MANAGE": "Can do anything with the job but own it",
}


class JobEndpoints:
    """The handlers of ``jobs/…`` and ``permissions/jobs/…``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create(self, request: Request) -> Json:
        """``jobs/create``."""
        settings = parse_settings(request.fields, request.fields.get("name", _DEFAULT_NAME))
        settings.setdefault("name", _DEFAULT_NAME)
        if request.version == "2.2":
            settings.setdefault("queue", {"enabled": True})
        return {"job_id": self._registry.create(settings).job_id}

    def update(self, request: Request) -> Json:
        """``jobs/update``."""
        job = self._find(request)
        changes = request.read_object("new_settings") or {}
        fields_to_remove = request.read_text_list("fields_to_remove") or []
        self._registry.change(job, update_settings(job.settings, changes, fields_to_remove))
        return {}

    def reset(self, request: Request) -> Json:
        """``jobs/reset``."""
        job = self._find(request)
        settings = parse_settings(request.read_object("new_settings") or {}, job.settings["name"])
        # A reset removes everything except these two (databricks/cli, libs/testserver/jobs.go).
        for key in {"name", "run_as"} & job.settings.keys():
            settings.setdefault(key, job.settings[key])
        self._registry.change(job, settings)
        return {}

    def delete(self, request: Request) -> Json:
        """``jobs/delete``."""
        self._registry.delete(self._find(request))
        return {}

    def get(self, request: Request) -> Json:
        """``jobs/get``."""
        job = self._find(request)
        settings = complete_settings(job.settings, request.version)
        settings = paginate_nested(settings, LIST_KEYS, request)
        shape = {**_serialize(job), "run_as_user_name": job.creator, "settings": settings}
        if token := settings.pop("next_page_token", None):
            shape["next_page_token"] = token
        return shape

    def list(self, request: Request) -> Json:
        """``jobs/list``."""
        default = _UNLIMITED if request.version == "2.0" else _DEFAULT_LIMIT
        limit = parse_limit(request, default=default, maximum=_MAX_LIMIT)
        start = parse_start(request)
        name = request.read_text("name")
        jobs = [
            job
            for job in self._registry.all()
            if name is None or job.settings["name"].casefold() == name.casefold()
        ]
        page = jobs[start : start + limit]
        shape: Json = {"jobs": [_serialize_listed(job, request) for job in page]} if page else {}
        return shape | page_fields(
            request,
            [start + limit] if start + limit < len(jobs) else None,
            [max(0, start - limit)] if start else None,
        )

    def permissions(self, request: Request) -> Json:
        """``permissions/jobs/{id}``: the one user owns everything."""
        job = self._find_permitted(request)
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

    def permission_levels(self, request: Request) -> Json:
        """``permissions/jobs/{id}/permissionLevels``."""
        self._find_permitted(request)
        return {
            "permission_levels": [
                {"permission_level": level, "description": text}
                for level, text in _PERMISSION_LEVELS.items()
            ]
        }

    def _find(self, request: Request) -> RegisteredJob:
        return self._registry.find(request.require_int("job_id"))

    def _find_permitted(self, request: Request) -> RegisteredJob:
        try:
            return self._find(request)
        except ApiError as error:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", error.message) from None


def _serialize(job: RegisteredJob) -> Json:
    return {
        "job_id": job.job_id,
        "creator_user_name": job.creator,
        "created_time": job.created,
    }


def _serialize_listed(job: RegisteredJob, request: Request) -> Json:
    settings = truncate_nested(complete_settings(job.settings, request.version), LIST_KEYS)
    has_more = settings.pop("has_more", False)
    if not request.read_bool("expand_tasks"):
        settings = {key: value for key, value in settings.items() if key not in LIST_KEYS}
    elif has_more:
        return {**_serialize(job), "settings": settings, "has_more": True}
    return {**_serialize(job), "settings": settings}
