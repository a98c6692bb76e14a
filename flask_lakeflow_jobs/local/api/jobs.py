"""Endpoints of jobs: ``jobs/…``."""

from __future__ import annotations

from ..model import LIST_KEYS, Settings
from ..registry import RegisteredJob, Registry
from .job_settings import complete_settings, parse_job_settings, update_settings
from .pages import page_fields, paginate_nested, parse_limit, parse_start, truncate_nested
from .permissions import add_owner, parse_entries
from .request import Request, Routes
from .serializers import Json, find_run_as

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 100
_UNLIMITED = 2**31  # API 2.0 has no pages of jobs
_DEFAULT_NAME = "Untitled"


class JobEndpoints:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.routes: Routes = {
            ("GET", "jobs/get"): self.get,
            ("GET", "jobs/list"): self.list,
            ("POST", "jobs/create"): self.create,
            ("POST", "jobs/update"): self.update,
            ("POST", "jobs/reset"): self.reset,
            ("POST", "jobs/delete"): self.delete,
        }

    def create(self, request: Request) -> Json:
        settings = parse_job_settings(request.fields, request.fields.get("name", _DEFAULT_NAME))
        settings.setdefault("name", _DEFAULT_NAME)
        if request.version == "2.2":
            settings.setdefault("queue", {"enabled": True})
        granted = parse_entries(request)
        permissions = add_owner(granted, self._registry.user) if granted else None
        return {"job_id": self._registry.create(settings, permissions).job_id}

    def update(self, request: Request) -> Json:
        changes = request.read_object("new_settings") or {}
        fields_to_remove = request.read_text_list("fields_to_remove") or []

        def edit(job: RegisteredJob) -> Settings:
            settings = update_settings(job.settings, changes, fields_to_remove)
            return {"name": _DEFAULT_NAME, **settings}

        self._registry.change(request.require_int("job_id"), edit)
        return {}

    def reset(self, request: Request) -> Json:
        new_settings = request.require_object("new_settings")

        def edit(job: RegisteredJob) -> Settings:
            settings = parse_job_settings(new_settings, job.settings["name"])
            # A reset removes everything except these two (databricks/cli, libs/testserver/jobs.go).
            for key in {"name", "run_as"} & job.settings.keys():
                settings.setdefault(key, job.settings[key])
            return settings

        self._registry.change(request.require_int("job_id"), edit)
        return {}

    def delete(self, request: Request) -> Json:
        self._registry.delete(request.require_int("job_id"))
        return {}

    def get(self, request: Request) -> Json:
        job = self._registry.find(request.require_int("job_id"))
        settings = complete_settings(job.settings, request.version)
        settings = paginate_nested(settings, LIST_KEYS, request)
        shape = {
            **_serialize(job),
            "run_as_user_name": find_run_as(job.settings, job.creator),
            "settings": settings,
        }
        if token := settings.pop("next_page_token", None):
            shape["next_page_token"] = token
        return shape

    def list(self, request: Request) -> Json:
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
