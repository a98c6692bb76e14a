"""The jobs of the app, and who may do what with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask import url_for
from pydantic import BaseModel, Field

from flask_lakeflow_jobs import JobConfig, LakeflowJobs, ProxyUser


class EtlParams(BaseModel):
    """The parameters of the nightly load."""

    start_date: dt.date = Field(alias="startDate", description="The first day to load.")


def policy(user: ProxyUser | None, action: str, _job: str) -> bool:
    """Let everyone view, and users with an address run, cancel and repair.

    It guards the pages and routes of the extension, and views that call ``authorize``.
    """
    is_known = user is not None and user.email is not None
    return action == "view" or (is_known and action in ("run", "cancel", "repair"))


def page_url(page: str, values: Mapping[str, Any]) -> str | None:
    """Show runs in the admin pages, and the rest in the console."""
    if page == "show_run":
        return url_for("admin_jobs.run", key=values["key"], run_id=values["run_id"])
    return None


lakeflow_jobs = LakeflowJobs(
    jobs={
        "etl": JobConfig(task_type="job", params=EtlParams, description="Loads the orders."),
        "report": JobConfig(run_as="user"),
    },
    policy=policy,
    page_url=page_url,
)
