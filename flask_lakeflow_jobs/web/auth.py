"""Who asks, what they may, and no request from another site."""
# MERGED """The handles that the views of the API and the pages of the console work with, for who may."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

from flask import Request, request

from ..config.jobs import Job, Policy
from ..errors import NotAllowed, UnknownJob
from ..globals import current_state
from ..handle import JobHandle
from ..identity import display_name, read_proxy_user
from ..jobs import Jobs
from ..state import AppState
from .requests import MAX_QUOTE_LENGTH

Action = Literal["view", "run", "cancel", "repair"]
_log = logging.getLogger("flask_lakeflow_jobs.web")


class Authorizer:
    """Tells for one request who asks, and what they may.

    :param state: the app's.
    :param request: the request.
    """

    def __init__(self, state: AppState, request: Request) -> None:
        self._state = state
        self._request = request

    @cached_property
    def user(self) -> Any:
        """Who asks; ``None`` where nobody can tell.

        The host's ``user_loader`` decides. Without one, the headers of Databricks Apps' proxy are
        believed, if the app says that it stands behind it.

        :raises NotAllowed: the ``user_loader`` failed.
        """
        if self._state.user_loader is None:
            is_trusted = self._state.settings.trust_proxy_headers
            return read_proxy_user(self._request.headers) if is_trusted else None
        try:
            user = self._called(self._state.user_loader)
            # Flask-Login has an object for nobody, and its current_user is a proxy for it
            is_nobody = not user or getattr(user, "is_authenticated", True) is False
        except Exception:
            _log.exception("The user_loader failed, so the request is denied.")
            raise NotAllowed("The app cannot tell who you are. Its log says why.") from None
        return None if is_nobody else user

    @property
    def user_name(self) -> str | None:
        """The same as a plain name."""
        return display_name(self.user)

    def check(self, action: Action, job: Job) -> None:
        """Ask the job's policy, else the extension's; without either everything is allowed.

        :param action: what is to be done.
        :param job: with which job.
        :raises NotAllowed: the policy says no, or fails; or the app is read-only; or the
            ``user_loader`` failed.
        """
        refusal = self._refusal(action, job)
        if refusal is not None:
            raise NotAllowed(refusal)

    def allows(self, action: Action, job: Job) -> bool:
        """Whether :meth:`check` lets it pass.

        :param action: what is to be done.
        :param job: with which job.
        :raises NotAllowed: the ``user_loader`` failed.
        """
        return self._refusal(action, job) is None

    def _refusal(self, action: Action, job: Job) -> str | None:
        if action != "view" and self._state.settings.read_only:
            return "This app is read-only: runs can be looked at, and no more."
        policy = job.policy or self._state.policy
        if policy is None or self._says_yes(policy, self.user, action, job.key):
            return None
        return f"The app's policy does not let you {action} the job {job.key!r}."

    def _says_yes(self, policy: Policy, user: Any, action: Action, key: str) -> bool:
        try:
            answer = self._called(policy, user, action, key)
        except Exception:
            _log.exception("The policy failed, so %s on %r is denied.", action, key)
            return False
        if answer and answer is not True:
            _log.error(
                "The policy gave %s in place of True or False, so %s on %r is denied.",
                type(answer).__name__,
                action,
                key,
            )
        return answer is True

    def _called(self, callback: Callable[..., Any], *args: Any) -> Any:
        """What a callback of the host gives; one that is ``async`` is waited for, as a view is."""
        answer = self._state.app.ensure_sync(callback)(*args)
        if inspect.iscoroutine(answer):  # of a callback that is not seen to be async
            answer.close()
            raise TypeError(f"{callback!r} gives a coroutine: make it an 'async def' function.")
        return answer

    def viewable_jobs(self) -> Iterator[Job]:
        """The jobs that whoever asks may see.

        :raises NotAllowed: the ``user_loader`` failed.
        """
        for handle in Jobs(self._state).values():
            if self.allows("view", handle.job):
                yield handle.job


def current_authorizer() -> Authorizer:
    """The guard of the current request."""
    return Authorizer(current_state(), request)


def app_handle(authorizer: Authorizer, key: str, action: Action = "view") -> JobHandle:
    """The app's own handle on a job, if whoever asks may do that with it.

    :param authorizer: decides what the requester may do.
    :param key: the job's.
    :param action: what is to be done.
    :raises UnknownJob: there is none; of the others, only those that they may see are named.
    :raises NotAllowed: they may not.
    """
    jobs = Jobs(current_state())
    if key not in jobs:
        raise UnknownJob(key[:MAX_QUOTE_LENGTH], [job.key for job in authorizer.viewable_jobs()])
    handle = jobs[key]
    authorizer.check(action, handle.job)
    return handle


@contextmanager
def request_handle(
    authorizer: Authorizer, key: str, action: Action = "view"
) -> Iterator[JobHandle]:
    """The handle on a job for whoever asks, if they may; it acts as the job says.

    :param authorizer: decides what the requester may do.
    :param key: the job's.
    :param action: what is to be done.
    :raises UnknownJob: there is none.
    :raises NotAllowed: they may not.
    :raises MissingUserToken: the job runs as its users, and the request carries no token.
    """
    handle = app_handle(authorizer, key, action)
    if handle.job.run_as == "user":
        with handle.as_user(request) as user_handle:
            yield user_handle
    else:
        yield handle
