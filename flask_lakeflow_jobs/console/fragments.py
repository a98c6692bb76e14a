"""Fragments of pages, for templates of the host and for updates; and the filters of templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flask import Blueprint
from markupsafe import Markup

from ..errors import LakeflowJobsError, NotAllowed
from ..globals import current_state
from ..runs.durations import format_change
from ..runs.ids import parse_run_id
from ..web.authorization import current_authorizer
from . import labels, page_data
from .cards import CARDS_PER_PAGE, read_cards
from .parts import RunMarkup
from .rendering import render
from .run_page import RunView, build_run_view
from .summaries import StateLabel

if TYPE_CHECKING:
    from ..web.authorization import Authorizer


def register(pages: Blueprint) -> None:
    """Register the fragments and filters with the templates of the app."""
    for fragment in (lakeflow_head, lakeflow_job_card, lakeflow_job_cards, lakeflow_run):
        pages.add_app_template_global(fragment)
    pages.add_app_template_filter(labels.duration, "lakeflow_duration")
    pages.add_app_template_filter(format_change, "lakeflow_change")
    pages.add_app_template_filter(StateLabel, "lakeflow_state")
    pages.add_app_template_filter(labels.moment, "lakeflow_moment")
    pages.add_app_template_filter(_ago, "lakeflow_ago")
    pages.add_app_template_filter(_format_parameters, "lakeflow_parameters")


def _ago(milliseconds: float) -> str:
    return labels.format_ago(page_data.now() - milliseconds)


def _format_parameters(parameters: Mapping[str, str]) -> str:
    """Format the parameters of a run, except those that the app itself adds."""
    settings = current_state().settings
    own = (settings.attribution_parameter, settings.progress_parameter)
    return labels.format_parameters(
        {name: value for name, value in parameters.items() if name not in own}
    )


def lakeflow_head() -> Markup:
    """Render the style sheet and the script that fragments need, for the ``head`` of a page."""
    return render("_head.html")


def lakeflow_job_card(key: str) -> Markup:
    """Render a live summary of a job; empty for users who may not view it."""
    authorizer = current_authorizer()
    if not _may_view(authorizer, key):
        return Markup("")
    return render("_jobs.html", cards=read_cards(authorizer, [key]), keys=[key])


def lakeflow_job_cards(*keys: str) -> Markup:
    """Render live summaries of all jobs, or those with these keys, that the user may view."""
    try:
        return render_cards(keys)
    except NotAllowed:
        return Markup("")


def render_cards(keys: Sequence[str]) -> Markup:
    """Render cards, as many as the jobs page shows; empty if the user may view none of the jobs.

    :raises NotAllowed: the ``user_loader`` failed.
    """
    authorizer = current_authorizer()
    viewable = [job.key for job in authorizer.viewable_jobs() if not keys or job.key in keys]
    if not viewable:
        return Markup("")
    cards = read_cards(authorizer, viewable[:CARDS_PER_PAGE])
    return render("_jobs.html", cards=cards, keys=viewable if keys else None)


def lakeflow_run(key: str, run_id: int) -> Markup:
    """Render a live run, or the error; empty for users who may not view the job."""
    authorizer = current_authorizer()
    if not _may_view(authorizer, key):
        return Markup("")
    try:
        with authorizer.request_handle(key) as handle:
            view = build_run_view(authorizer, handle, parse_run_id(run_id))
    except LakeflowJobsError as error:
        return render("_problem.html", error=error)
    return render_live(view)


def _may_view(authorizer: Authorizer, key: str) -> bool:
    try:
        authorizer.app_handle(key)
    except LakeflowJobsError:
        return False
    return True


def render_run(view: RunView) -> RunMarkup:
    markup = RunMarkup(view.timeline.axis.span)
    markup.finish(render("_run.html", view=view, markup=markup, part=markup.add_part))
    view.tasks.keep()
    return markup


def render_live(view: RunView) -> Markup:
    """Render a run with the element that its script updates."""
    return render("_live.html", view=view, content=render_run(view))
