"""The page with the form that starts a run, also as commands and code to copy."""

from __future__ import annotations

import json
import re
import shlex
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flask import redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from ..errors import Conflict, InvalidParameters, LakeflowJobsError
from ..handle import JobHandle
from ..pages import page_url
from ..runs.ids import parse_run_id
from ..runs.job_definition import defined_tasks
from ..text import format_value
from ..web.authorization import current_authorizer
from ..web.responses import error_headers
from . import page_data
from .cards import Card, read_cards
from .forms import Form
from .job_form import build_form, read_run_values
from .page_data import find_permissions
from .rendering import render_page
from .summaries import usual_length
from .tasks import kind_label

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers, MultiDict

    from ..sdk_types import SdkJob

#: For a form that may or may not have started a run.
RETRY_NOTICE = "Press Run to try again. If a run has started, you see it, and no second one starts."

#: The names of the controls. No parameter of a job begins with a tilde.
NONCE, ONLY, QUEUE, TARGET = "~nonce", "~only", "~queue", "~target"

#: The choices of a run above the limit of concurrent runs.
QUEUE_CHOICES: Mapping[str, bool] = {"wait": True, "skip": False}


@dataclass(frozen=True)
class TaskChoice:
    """A task of a job, as a form offers it.

    :param kind: such as ``Notebook``.
    :param after: the keys of the tasks that it waits for.
    """

    key: str
    kind: str
    after: Sequence[str] = ()


@dataclass(frozen=True)
class RunChoices:
    """The choices of a reader.

    :param only: the keys of the tasks to run; empty for all.
    :param queue: one of :data:`QUEUE_CHOICES`; empty for the job's own setting.
    :param target: a performance target of the Jobs API; empty for the job's own setting.
    """

    only: Sequence[str] = ()
    queue: str = ""
    target: str = ""

    @classmethod
    def of(cls, sent: MultiDict[str, str]) -> RunChoices:
        """Read a form that a browser has sent."""
        return cls(sent.getlist(ONLY), sent.get(QUEUE, ""), sent.get(TARGET, ""))

    @property
    def is_empty(self) -> bool:
        return not (self.only or self.queue or self.target)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :meth:`JobHandle.run_now`."""
        return {
            "only": list(self.only) or None,
            "queue": QUEUE_CHOICES.get(self.queue),
            "performance_target": self.target or None,
        }


def task_choices_of(definition: SdkJob | None) -> list[TaskChoice]:
    """Return the tasks of a job, in the order of its definition.

    :param definition: ``None``: not known.
    """
    return [
        TaskChoice(
            task.task_key, kind_label(task), [each.task_key for each in task.depends_on or []]
        )
        for task in defined_tasks(definition)
    ]


@dataclass(frozen=True)
class FormPage:
    """The page of one request.

    :param definition: of the job in the workspace; ``None``: not known.
    :param again: the run whose parameters the form has.
    :param started_run_id: the run that a user has just started who may not view it.
    """

    handle: JobHandle
    definition: SdkJob | None
    form: Form
    choices: RunChoices = field(default_factory=RunChoices)
    again: str = ""
    started_run_id: int | None = None

    def render(self, *, notice: str = "", nonce: str = "") -> str:
        """Render the page; users who may not view the job see nothing of its runs."""
        authorizer, key = current_authorizer(), self.handle.key
        card = Card(self.handle.job, find_permissions(authorizer, self.handle.job))
        if authorizer.allows("view", self.handle.job):
            (card,) = read_cards(authorizer, [key])
        return render_page(
            "form.html",
            started_run_id=self.started_run_id,
            card=card,
            form=self.form,
            choices=self.choices,
            tasks=task_choices_of(self.definition),
            usual_length=usual_length(card.runs),
            snippets=build_snippets(
                key,
                self.form.visible_params(),
                url_for("lakeflow_jobs.trigger", key=key, _external=True),
            ),
            nonce=nonce if _idempotency_key(nonce) else uuid.uuid4().hex,
            again=self.again,
            notice=notice,
        )


def show_form(key: str) -> str:
    """Show the form that starts a run; ``again`` fills in the values of an earlier run."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "run") as handle:
        page = read_form_page(handle)
        again, started = request.args.get("again", ""), request.args.get("started", "")
        if again:
            authorizer.check_view(handle.job)
            run, _ = page_data.read_run(handle, parse_run_id(again))
            values = read_run_values(run, handle.job.task_type)
            page = replace(page, form=page.form.with_values(values), again=again)
        return replace(page, started_run_id=parse_run_id(started) if started else None).render()


def start_run(key: str) -> BaseResponse | tuple[str, int] | tuple[str, int, Headers]:
    """Start a run with the values of the form, and redirect to its page."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "run") as handle:
        page, sent = read_form_page(handle), read_sent(request.form)
        nonce, form = sent.get(NONCE, ""), page.form
        page = replace(page, form=form.with_sent(sent), choices=RunChoices.of(request.form))
        try:
            refuse_unreadable(handle, form, sent)
            triggered = handle.run_now(
                form.params(sent),
                idempotency_key=_idempotency_key(nonce),
                requested_by=authorizer.user_name,
                **page.choices.arguments(),
            )
        except InvalidParameters as error:
            return replace(page, form=page.form.with_errors(error)).render(), error.code
        except Conflict:
            # the form was sent before, with other values: sending it again means another run
            notice = "This form has started a run already. Press Run once more for another one."
            return page.render(notice=notice), Conflict.code
        except LakeflowJobsError as error:
            if not error.retryable:
                raise
            # a run may have started: the same nonce finds it
            notice = f"{error.detail} {RETRY_NOTICE}"
            return page.render(notice=notice, nonce=nonce), error.code, error_headers(error)
        may_view = authorizer.allows("view", handle.job)
    run_id, replayed = triggered.run_id, "1" if triggered.replayed else None
    where = (
        page_url("lakeflow_console.show_run", key=key, run_id=run_id, replayed=replayed)
        if may_view
        else page_url("lakeflow_console.show_form", key=key, started=run_id)
    )
    return redirect(where, 303)


def read_sent(form: MultiDict[str, str]) -> dict[str, str]:
    """Return the text of each control: the last of its name, as a parameter may be named like the
    host's CSRF token, which comes first."""
    return {name: texts[-1] for name, texts in form.lists()}


def read_form_page(handle: JobHandle) -> FormPage:
    """Read the definition of a job, and build its form."""
    definition: SdkJob | None = None
    try:
        definition = page_data.read_job(handle)
    except LakeflowJobsError:
        if handle.job.schema is None:  # otherwise, the schema is enough
            raise
    parameter = page_data.requester_parameter()
    form = build_form(handle.job, definition, hidden=[parameter] if parameter else [])
    return FormPage(handle, definition, form)


def refuse_unreadable(handle: JobHandle, form: Form, sent: dict[str, str]) -> None:
    """Raise for texts that cannot be parsed, together with all other errors."""
    unreadable = form.find_unreadable(sent)
    if not unreadable:
        return
    messages: dict[str, Any] = {}
    try:
        handle.check(form.params(sent))
    except InvalidParameters as error:
        messages = error.messages
    raise InvalidParameters("Some values cannot be parsed.", {**messages, **unreadable})


def _idempotency_key(nonce: str) -> str | None:
    """Return the idempotency key of a form; ``None`` for an invalid nonce."""
    return f"console-{nonce}" if re.fullmatch(r"[0-9a-f]{32}", nonce, re.ASCII) else None


@dataclass(frozen=True)
class Snippet:
    """A command or code that starts the same run."""

    title: str
    text: str


def build_snippets(key: str, params: Mapping[str, Any], url: str) -> list[Snippet]:
    """Return what starts a run on the command line, over HTTP and in Python.

    :param params: the parameters, without secrets.
    :param url: the absolute URL of the route that starts a run.
    """
    body = json.dumps({"params": params})
    arguments = repr(dict(params)) if params else ""
    return [
        Snippet("Command line", _format_command(key, params)),
        Snippet(
            "curl",
            f"curl -X POST {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n"
            f"  -d {shlex.quote(body)}",
        ),
        Snippet("Python", f"current_jobs[{key!r}].run_now({arguments})"),
    ]


def _format_command(key: str, params: Mapping[str, Any]) -> str:
    command = f"flask jobs run {shlex.quote(key)}"
    values = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    if any(isinstance(item, list | dict) for items in values.values() for item in items):
        return f"echo {shlex.quote(json.dumps(params))} | {command} --params-file -"
    options = [
        f"-p {shlex.quote(f'{name}={format_value(item)}')}"
        for name, items in values.items()
        for item in items
    ]
    return " ".join([command, *options])
