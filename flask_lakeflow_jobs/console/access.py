"""Who may see and do what in the console: as in the API, by the same guard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from flask import Request, request

from ..current import current_state
from ..errors import NotAllowed, UnknownJob
from ..handle import JobHandle
from ..web.guard import OWN_SITES, SAFE_METHODS, Action, Guard, refuse_other_sites


def guard() -> Guard:
    """The guard of the current request."""
    return Guard(current_state(), request)


def own_handle(guarded: Guard, key: str, action: Action = "view") -> JobHandle:
    """The app's own handle on a job, if whoever asks may do that with it.

    :param guarded: tells who asks.
    :param key: the job's.
    :param action: what is to be done.
    :raises UnknownJob: there is none.
    :raises NotAllowed: they may not.
    """
    jobs = current_state().jobs
    if key not in jobs:
        raise UnknownJob(key[:40], [job.key for job in guarded.viewable()])
    handle = jobs[key]
    guarded.check(action, handle.job)
    return handle


@contextmanager
def acting_handle(guarded: Guard, key: str, action: Action = "view") -> Iterator[JobHandle]:
    """The handle on a job for whoever asks, if they may; it acts as the job says.

    :param guarded: tells who asks.
    :param key: the job's.
    :param action: what is to be done.
    """
    handle = own_handle(guarded, key, action)
    if handle.job.run_as == "user":
        with handle.as_user(request) as user_handle:
            yield user_handle
    else:
        yield handle


def may(guarded: Guard, handle: JobHandle, action: Action) -> bool:
    """Whether a page offers something.

    :param guarded: tells who asks.
    :param handle: of which job.
    :param action: what.
    """
    try:
        guarded.check(action, handle.job)
    except NotAllowed:
        return False
    return True


def refuse_other_pages(request: Request) -> None:
    """Refuse a form that is not known to come from a page of this very app.

    A form can be sent from any site, so that, other than in the API, where only JSON counts, an
    unsafe request must say where it comes from; every browser does.

    :param request: it.
    :raises NotAllowed: it comes from elsewhere, or does not say.
    """
    if request.method in SAFE_METHODS:
        return
    refuse_other_sites(request)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    is_own = site in OWN_SITES if site else bool(urlsplit(origin or "").netloc)
    if not is_own:
        raise NotAllowed(
            "The request does not say that it comes from a page of this app. Send it from the"
            " app's own pages; for programs there is the API."
        )
