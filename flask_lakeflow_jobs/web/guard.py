"""Who may: the app's policy, and no request from another site."""

from __future__ import annotations

import logging
from typing import Literal

from flask import Request

from ..current import State
from ..errors import NotAllowed
from ..job_config import Job

Action = Literal["view", "run", "cancel", "repair"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_log = logging.getLogger(__name__)


def check_policy(state: State, action: Action, job: Job) -> None:
    """Ask the job's policy, else the extension's; without either everything is allowed.

    :param state: the app's.
    :param action: what is to be done.
    :param job: with which job.
    :raises NotAllowed: the policy says no, or fails.
    """
    policy = job.policy or state.policy
    if policy is None:
        return
    try:
        allowed = policy(None, action, job.key)
    except Exception:
        _log.exception("The policy failed, so %s on %r is denied.", action, job.key)
        allowed = False
    if not allowed:
        raise NotAllowed(f"The app's policy does not let you {action} the job {job.key!r}.")


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site makes a browser send.

    :param request: it.
    :raises NotAllowed: it changes something and comes from another site.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        foreign = site == "cross-site"
    else:
        foreign = _is_foreign(request.headers.get("Origin"), request)
    if foreign:
        raise NotAllowed(
            "This request comes from a page of another site. Send it from the app's own pages, or"
            " from a client that is no browser."
        )


def _is_foreign(origin: str | None, request: Request) -> bool:
    if origin is None:
        return False
    # A page of another site cannot set this header, so a proxy has.
    forwarded = request.headers.get("X-Forwarded-Host", "")
    return origin.partition("://")[2] not in {request.host, forwarded} - {""}
