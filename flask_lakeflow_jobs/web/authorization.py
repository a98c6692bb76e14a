"""Authorization: who makes a request, and which actions on jobs they may carry out."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, Literal, get_args

from flask import Request, request

from ..config.job_config import Policy
from ..config.jobs import Job
from ..errors import NotAllowed, UnknownJob
from ..globals import current_state
from ..handle import JobHandle
from ..identity import APP, display_name, read_address, read_proxy_user
from ..progress_receiver import invalid_token
from ..record.recording import Actor, Origin, Source
from ..state import AppState
from .csrf import require_same_origin
from .requests import MAX_QUOTED_NAME_LENGTH

API_BLUEPRINT = "lakeflow_jobs"

#: The console has the same users and policies.
CONSOLE_BLUEPRINT = "lakeflow_console"

#: Other views are the app's own.
_SOURCES: dict[str, Source] = {API_BLUEPRINT: "http", CONSOLE_BLUEPRINT: "console"}

PolicyAction = Literal["view", "run", "cancel", "repair", "schedule", "report", "audit"]

#: Actions that change nothing.
READS = ("view", "audit")

_log = logging.getLogger("flask_lakeflow_jobs.web")


class Authorizer:
    """The user of one request, and what the user may do."""

    def __init__(self, state: AppState, request: Request) -> None:
        self._state = state
        self._request = request

    @cached_property
    def user(self) -> Any:
        """The user, or ``None`` if unknown.

        The app's ``user_loader`` decides. Without one, the headers of the Databricks Apps proxy do,
        if the app is configured to trust them.

        :raises NotAllowed: the ``user_loader`` failed.
        """
        if self._state.user_loader is None:
            is_trusted = self._state.settings.trust_proxy_headers
            return read_proxy_user(self._request.headers) if is_trusted else None
        with _deny_on_error("user_loader"):
            user = self._call(self._state.user_loader)
            # Flask-Login has an object for anonymous users; its current_user is a proxy for it.
            is_anonymous = not user or not getattr(user, "is_authenticated", True)
            return None if is_anonymous else user

    @property
    def user_name(self) -> str | None:
        user = self.user
        with _deny_on_error("name of the user"):
            return display_name(user)

    def check_view(self, job: Job) -> None:
        """Check that the user may view a job.

        :raises NotAllowed: the user may not, or the ``user_loader`` failed.
        """
        refusal = self.find_refusal("view", job)
        if refusal is not None:
            raise NotAllowed(refusal)

    def allows(self, action: PolicyAction, job: Job) -> bool:
        """Return whether the user may do something with a job.

        :raises NotAllowed: the ``user_loader`` failed.
        """
        return self.find_refusal(action, job) is None

    def find_refusal(self, action: PolicyAction, job: Job) -> str | None:
        """Check an action against the job's policy, or else the extension's.

        Without a policy, every action is allowed, but in a read-only app only reads.

        :return: why the user may not do it; ``None`` if the user may.
        :raises NotAllowed: the ``user_loader`` failed.
        """
        if action not in READS and self._state.settings.read_only:
            return "This app is read-only: runs can only be viewed."
        user = self.user  # without a policy too: a loader that fails denies
        policy = job.policy or self._state.policy
        if policy is None or self._is_permitted(policy, user, action, job.key):
            return None
        return f"The app's policy does not allow you to {action} the job {job.key!r}."

    def _record_refusal(self, action: PolicyAction, job: Job, refusal: str) -> None:
        """Record that an action was refused, but not a view: there may be many."""
        if action not in READS:
            actor = Actor(job, APP, self._find_origin(), self.user_name)
            name = "trigger" if action == "run" else action
            self._state.recording.record_action(actor, name, "refused", detail=refusal)

    def _find_origin(self) -> Origin:
        trust_proxy = self._state.settings.trust_proxy_headers
        address = read_address(self._request, trust_proxy=trust_proxy)
        return Origin(_SOURCES.get(self._request.blueprint or "", "python"), address)

    def _is_permitted(self, policy: Policy, user: Any, action: PolicyAction, key: str) -> bool:
        try:
            result = self._call(policy, user, action, key)
        except Exception:
            _log.exception("The policy failed, so %s on %r is denied.", action, key)
            return False
        if result and result is not True:
            _log.error(
                "The policy returned %s instead of True or False, so %s on %r is denied.",
                type(result).__name__,
                action,
                key,
            )
        return result is True

    def _call(self, callback: Callable[..., Any], *args: Any) -> Any:
        """Call a function of the app; an async one is awaited, like an async view."""
        result = self._state.app.ensure_sync(callback)(*args)
        if inspect.iscoroutine(result):  # of a function that Flask does not recognize as async
            result.close()
            raise TypeError(f"{callback!r} returns a coroutine. Make it an 'async def' function.")
        return result

    def app_handle(self, key: str, action: PolicyAction = "view") -> JobHandle:
        """Return the app's own handle on a job, after an authorization check.

        :raises UnknownJob: there is no such job, or the user may not view it. The error does not
            say which, and names only the jobs that the user may view.
        :raises NotAllowed: the user may view the job, but not do that.
        """
        job = self._state.settings.jobs.get(key)
        if job is not None:
            refusal = self.find_refusal(action, job)
            if refusal is None:
                return JobHandle(self._state, job, APP, find_origin=self._find_origin)
            user = "an unknown user" if self.user is None else "a known user"
            _log.info("Refused to %s: %s", user, refusal)
            if self.allows("view", job):
                self._record_refusal(action, job, refusal)
                raise NotAllowed(refusal)
        names = [job.key for job in self.viewable_jobs()]
        raise UnknownJob(key[:MAX_QUOTED_NAME_LENGTH], names)

    def request_handle(
        self, key: str, action: PolicyAction = "view"
    ) -> AbstractContextManager[JobHandle]:
        """Return the context of a handle on a job, after an authorization check. The handle acts
        with the token of the request if the job runs as its users.

        :raises UnknownJob: there is no such job, or the user may not view it.
        :raises NotAllowed: the user may view the job, but not do that.
        :raises MissingUserToken: on entry: the job runs as its users, and the request carries no
            token.
        """
        handle = self.app_handle(key, action)
        is_user = handle.job.run_as == "user"
        return handle.as_user(self._request) if is_user else nullcontext(handle)

    def progress_handle(self, key: str, token: str | None) -> AbstractContextManager[JobHandle]:
        """Return the context of a handle for a progress report: the app's own if there is a token,
        which the handle checks; otherwise as :meth:`request_handle`.

        :raises NotAllowed: there is no such job for a token, or the user may not report.
        :raises UnknownJob: there is no token, and the user may not view the job.
        """
        if token is None:
            return self.request_handle(key, "report")
        job = self._state.settings.jobs.get(key)
        if job is None:
            raise invalid_token()
        return nullcontext(JobHandle(self._state, job, APP, is_operator=True))

    def viewable_jobs(self) -> Iterator[Job]:
        """Yield the jobs that the user may view.

        :raises NotAllowed: the ``user_loader`` failed.
        """
        for job in self._state.settings.jobs.values():
            if self.allows("view", job):
                yield job


@contextmanager
def _deny_on_error(name: str) -> Iterator[None]:
    try:
        yield
    except Exception:
        _log.exception("The %s failed, so the request is denied.", name)
        raise NotAllowed("The app failed to identify you. See the app's log.") from None


def current_authorizer() -> Authorizer:
    return Authorizer(current_state(), request._get_current_object())  # type: ignore[attr-defined]


def authorize(action: PolicyAction, key: str) -> str | None:
    """Check that the user of the current request may do something with a job, before a view of
    your own does it. Return the user's name, for ``requested_by``.

    A request other than GET, HEAD and OPTIONS must come from a page of the app, so that no other
    site can send it with the user's cookies. So let no view for GET change anything.

    :param action: as for the ``policy``: ``view``, ``run``, ``cancel``, ``repair``, ``schedule``,
        ``report`` or ``audit``.
    :param key: the job's.
    :return: ``None`` if the user is unknown.
    :raises UnknownJob: there is no such job, or the user may not view it.
    :raises NotAllowed: the user may view the job, but not do that, or the request comes from
        another site.
    :raises ValueError: there is no such action.
    """
    if action not in (actions := get_args(PolicyAction)):
        raise ValueError(f"The action must be one of {', '.join(actions)}, not {action!r}.")
    require_same_origin(request)
    authorizer = current_authorizer()
    authorizer.app_handle(key, action)
    return authorizer.user_name
