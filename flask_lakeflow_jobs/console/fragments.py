"""What templates are given: the pages' own, and through globals the host's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template
from markupsafe import Markup

from ..errors import LakeflowJobsError
from ..web.auth import app_handle, current_authorizer, request_handle
from . import filters, queries
from .cards import cards
from .run_page import run_view

if TYPE_CHECKING:
    from ..web.auth import Authorizer


def register(pages: Blueprint) -> None:
    """Give the templates of an app the fragments and the filters of the console.

    :param pages: the console's blueprint.
    """
    for fragment in (lakeflow_head, lakeflow_job_card, lakeflow_run):
        pages.add_app_template_global(fragment)
    pages.add_app_template_filter(filters.duration, "lakeflow_duration")
    pages.add_app_template_filter(filters.moment, "lakeflow_moment")
    pages.add_app_template_filter(_ago, "lakeflow_ago")


def _ago(milliseconds: float) -> str:
    return filters.ago(queries.now() - milliseconds)


def lakeflow_head() -> Markup:
    """The style sheet and the script that fragments need, for the ``head`` of a page."""
    return _rendered("_head.html")


def lakeflow_job_card(key: str) -> Markup:
    """A job at a glance, live; for those who may not see it, nothing.

    :param key: the job's.
    """
    authorizer = current_authorizer()
    if not _may_see(authorizer, key):
        return Markup("")
    return _rendered("_jobs.html", cards=cards(authorizer, [key]), keys=[key])


def lakeflow_run(key: str, run_id: int) -> Markup:
    """A run, live; for those who may not see it, nothing; and what went wrong where that did.

    :param key: the job's.
    :param run_id: the run.
    """
    authorizer = current_authorizer()
    if not _may_see(authorizer, key):
        return Markup("")
    try:
        with request_handle(authorizer, key) as handle:
            view = run_view(authorizer, handle, run_id)
    except LakeflowJobsError as error:
        return _rendered("_problem.html", error=error)
    return _rendered("_live.html", view=view)


def _may_see(authorizer: Authorizer, key: str) -> bool:
    try:
        app_handle(authorizer, key)
    except LakeflowJobsError:
        return False
    return True


def _rendered(template: str, **given: Any) -> Markup:
    return Markup(render_template(f"lakeflow_jobs/{template}", **given))  # noqa: S704
