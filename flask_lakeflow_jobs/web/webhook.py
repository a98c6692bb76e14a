"""Notifications from Databricks: a run may have changed. Their content is never trusted."""

from __future__ import annotations

import logging
from hmac import compare_digest

from flask import Request, Response, request

from ..config.settings import AppSettings
from ..errors import InvalidWebhookCredentials
from ..globals import current_state
from .requests import read_notification

_log = logging.getLogger("flask_lakeflow_jobs.web")


def take_notification() -> Response:
    """Poll the run in a notification. The response is the same if the app has no such job."""
    state = current_state()
    check_credentials(request, state.settings)
    job_id, run_id = read_notification(request)
    if state.receive_notification(job_id, run_id):
        _log.info("Notification received: run %d of job %d may have changed.", run_id, job_id)
    else:
        _log.info("Notification ignored: this app has no job with the id %d.", job_id)
    return Response(status=204)


def check_credentials(request: Request, settings: AppSettings) -> None:
    """Check the user name and the password of a notification, or its bearer token.

    :raises InvalidWebhookCredentials: they are missing or wrong.
    """
    login = request.authorization
    if login is not None and login.type == "bearer":
        checks = [_is_equal(login.token, settings.webhook_token)]
    else:
        checks = [
            _is_equal(login.username if login else None, settings.webhook_username),
            _is_equal(login.password if login else None, settings.webhook_password),
        ]
    if not all(checks):
        schemes = {"Basic": settings.webhook_username, "Bearer": settings.webhook_token}
        raise InvalidWebhookCredentials(
            "Notifications require HTTP Basic or Bearer authentication. In the notification"
            " destination, set the user name and the password, or the token, that the app is"
            " configured with.",
            [scheme for scheme, value in schemes.items() if value is not None],
        )


def _is_equal(received: str | None, expected: str | None) -> bool:
    """Compare in constant time, so that the duration reveals nothing about the expected value."""
    if expected is None:
        return False
    return compare_digest((received or "").encode(), expected.encode())
