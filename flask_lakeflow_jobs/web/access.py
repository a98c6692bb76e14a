"""The handles that the views of the API and the pages of the console work with, for who may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from ..current import current_state
from ..errors import UnknownJob
from ..handle import JobHandle
from .guard import Action, Guard
from .requests import LONGEST_ECHO


def guard() -> Guard:
    """The guard of the current request."""
    return Guard(current_state(), request)


def own_handle(guarded: Guard, key: str, action: Action = "view") -> JobHandle:
    """The app's own handle on a job, if whoever asks may do that with it.

    :param guarded: tells who asks.
    :param key: the job's.
    :param action: what is to be done.
    :raises UnknownJob: there is none; of the others, only those that they may see are named.
    :raises NotAllowed: they may not.
    """
    jobs = current_state().jobs
    if key not in jobs:
        raise UnknownJob(key[:LONGEST_ECHO], [job.key for job in guarded.viewable()])
    handle = jobs[key]
    guarded.check(action, handle.job)
    return handle


@contextmanager
def acting_handle(guarded: Guard, key: str, action: Action = "view") -> Iterator[JobHandle]:
    """The handle on a job for whoever asks, if they may; it acts as the job says.

    :param guarded: tells who asks.
    :param key: the job's.
    :param action: what is to be done.
    :raises UnknownJob: there is none.
    :raises NotAllowed: they may not.
    :raises MissingUserToken: the job runs as its users, and the request carries no token.
    """
    handle = own_handle(guarded, key, action)
    if handle.job.run_as == "user":
        with handle.as_user(request) as user_handle:
            yield user_handle
    else:
        yield handle
