"""The page that shows what a repair of a run will rerun, and lets the reader choose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import redirect, request
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as BaseResponse

from ..errors import InvalidParameters, LakeflowJobsError
from ..handle import JobHandle
from ..pages import page_url
from ..runs.ids import parse_run_id
from ..runs.repair import check_has_ended, plan_repair
from ..web.authorization import current_authorizer
from ..web.responses import error_headers
from . import page_data
from .form_page import read_form_page, read_sent
from .forms import Form
from .job_form import read_run_values
from .page_data import build_title
from .rendering import render_page
from .summaries import StateLabel, summarize_run

if TYPE_CHECKING:
    from ..sdk_types import Run, SdkJob

#: The names of the controls. Without the first one, a request repairs all failed tasks.
CHOICE, TASK, DEPENDENTS = "~choice", "~task", "~dependents"


@dataclass(frozen=True)
class RepairPage:
    """The page of one request.

    :param form: the parameters of the run.
    :param chosen: the keys of the tasks to rerun.
    :param dependents: also rerun the tasks that depend on them.
    """

    handle: JobHandle
    run: Run
    definition: SdkJob | None
    form: Form
    failed: Collection[str]
    chosen: Collection[str]
    dependents: bool = False

    def render(self) -> str:
        settings = self.definition.settings if self.definition else None
        plan = sorted(plan_repair(self.run), key=lambda task: task.key not in self.chosen)
        return render_page(
            "repair.html",
            title=build_title(self.handle.job, settings),
            run=summarize_run(self.run, page_data.now()),
            tasks=[(task, StateLabel(task.outcome)) for task in plan],
            failed=self.failed,
            chosen=self.chosen,
            dependents=self.dependents,
            form=self.form,
        )


def show_repair(key: str, run_id: str) -> str:
    """Show what a repair of a run will rerun, with a choice of tasks and parameters."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "repair") as handle:
        authorizer.check_view(handle.job)
        return _read_page(handle, parse_run_id(run_id)).render()


def repair_run(key: str, run_id: str) -> BaseResponse | tuple[str, int, Headers]:
    """Rerun tasks of a run, by default those that failed, and redirect to its page."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "repair") as handle:
        if CHOICE not in request.form:
            handle.repair_run(run_id, requested_by=authorizer.user_name)
        else:
            authorizer.check_view(handle.job)  # a page with errors shows the run
            if refused := _repair(handle, parse_run_id(run_id), authorizer.user_name):
                return refused
    return redirect(page_url("lakeflow_console.show_run", key=key, run_id=run_id), 303)


def _repair(handle: JobHandle, run_id: int, user: str | None) -> tuple[str, int, Headers] | None:
    """Repair a run as the reader has chosen; return the page with the errors if that fails."""
    before, sent = _read_page(handle, run_id), read_sent(request.form)
    page = replace(
        before,
        form=before.form.with_sent(sent),
        chosen=request.form.getlist(TASK),
        dependents=DEPENDENTS in request.form,
    )
    changes = page.form.changes_from(before.form)
    try:
        if not page.chosen:
            raise InvalidParameters("Choose at least one task.")
        if unreadable := changes.find_unreadable(sent):
            raise InvalidParameters("Some values cannot be parsed.", unreadable)
        handle.repair_run(
            run_id,
            rerun_tasks=None if set(page.chosen) == set(page.failed) else list(page.chosen),
            rerun_dependent_tasks=page.dependents or None,
            params=changes.params(sent),
            requested_by=user,
        )
    except InvalidParameters as error:
        form = page.form.with_errors(error)
        return replace(page, form=form).render(), error.code, Headers()
    except LakeflowJobsError as error:
        if not error.retryable:
            raise
        # nothing was rerun: an error after which that is unknown is not retryable
        form = replace(page.form, errors=[f"{error.detail} Nothing was rerun."])
        return replace(page, form=form).render(), error.code, error_headers(error)
    return None


def _read_page(handle: JobHandle, run_id: int) -> RepairPage:
    """Read a run that has ended, and the form of its job with the parameters of the run.

    :raises Conflict: the run has not ended.
    """
    run, _ = page_data.read_run(handle, run_id)
    check_has_ended(run)
    page = read_form_page(handle)
    form = page.form.with_values(read_run_values(run, handle.job.task_type))
    optional = [replace(each, required=False) for each in form.fields]
    failed = [task.key for task in plan_repair(run) if task.reason]
    return RepairPage(handle, run, page.definition, replace(form, fields=optional), failed, failed)
