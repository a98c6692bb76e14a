"""Notifications that Databricks sends of runs. They are hints to look, and never believed."""

from __future__ import annotations

import logging
from hmac import compare_digest

from flask import Request, Response, request

from ..config.settings import Settings
from ..errors import InvalidWebhookCredentials
from ..globals import current_state
from .requests import read_notification

_log = logging.getLogger("flask_lakeflow_jobs.web")


def take_notification() -> Response:
    """Have the run looked at that a notification names.

    One of a job that this app does not have is answered alike: it is no fault of who sends it.
    """
    state = current_state()
    check_login(request, state.settings)
    job_id, run_id = read_notification(request)
    if state.receive_notification(job_id, run_id):
        _log.info("A notification says that run %d of job %d has news.", run_id, job_id)
    else:
        _log.info("A notification is about job %d, which this app does not have.", job_id)
    return Response(status=204)


def check_login(request: Request, settings: Settings) -> None:
    """Let only Databricks send notifications.

    :param request: it.
    :param settings: the app's, with the user name and the password to compare with.
    :raises InvalidWebhookCredentials: either is missing or wrong; which of them is not told.
    """
    login = request.authorization
    given = (login.username, login.password) if login and login.type == "basic" else (None, None)
    wanted = (settings.webhook_username, settings.webhook_password)
    is_right = [_is_same(*pair) for pair in zip(given, wanted, strict=True)]
    if not all(is_right):
        raise InvalidWebhookCredentials(
            "Notifications are taken with HTTP Basic authentication, by the user name and the"
            " password that the app is configured with. Set both in the notification destination."
        )


def _is_same(given: str | None, wanted: str | None) -> bool:
    """Whether two texts are the same; how long that takes tells nothing of what is wanted."""
    if wanted is None:
        return False
    return compare_digest((given or "").encode(), wanted.encode())
