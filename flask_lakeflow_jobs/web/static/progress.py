"""Report how far a task of a Databricks job is to the app that started the run.

    report = Progress("https://my-app.example/api/jobs/etl/runs/123", token, task="load")
    report(40, "4 of 10 files")

The token is in the run's parameters. Without one, as in a run that the app did not start, nothing
is sent. A report never fails the task and delays it by a few seconds at most. Python's standard
library is enough.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Fails in place of a redirect, which would take the token to a login page."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Progress:
    """Sends the progress of one run.

    :param url: the run in the app's API.
    :param token: from the run's parameters; empty: send nothing.
    :param task: the task key; ``None``: the run as a whole.
    :param bearer: a token for the proxy in front of the app, or a function that returns one.
    :param interval: seconds between two reports; those in between are skipped, except 100 percent.
    :param timeout: seconds for one report.
    :param raises: raise errors instead of returning false.
    """

    PAUSE_SECONDS = 30  # after a failure

    def __init__(
        self,
        url: str,
        token: str,
        task: str | None = None,
        bearer: str | Callable[[], str] | None = None,
        interval: float = 2.0,
        timeout: float = 5.0,
        raises: bool = False,
    ) -> None:
        self.url = url.rstrip("/") + "/progress"
        self.token = token
        self.task = task
        self.bearer = bearer
        self.interval = interval
        self.timeout = timeout
        self.raises = raises
        self._open = urllib.request.build_opener(_NoRedirects).open
        self._next = 0.0  # when the next report may be sent

    def __call__(self, percent: float, message: str = "", task: str | None = None) -> bool:
        """Send a report, unless the last one was just sent.

        :param percent: from 0 to 100.
        :param message: one line, at most 1,000 characters; the rest is cut off.
        :return: whether the app has accepted it.
        """
        now = time.monotonic()
        try:
            if not self.token or (now < self._next and percent < 100):
                return False
            self._send(percent, str(message)[:1000], task or self.task)
        except Exception as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            self._next = time.monotonic() + self.PAUSE_SECONDS
            if self.raises:
                raise
            return False
        self._next = now + self.interval
        return True

    def _send(self, percent: float, message: str, task: str | None) -> None:
        body = {"percent": max(0, min(100, percent)), "message": message, "task": task}
        headers = {"Content-Type": "application/json", "Lakeflow-Progress-Token": self.token}
        if self.bearer:
            bearer = self.bearer() if callable(self.bearer) else self.bearer
            headers["Authorization"] = "Bearer " + bearer
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url, data, headers)  # noqa: S310  # a URL of the job
        with self._open(request, timeout=self.timeout) as response:
            if response.status != 204:
                raise OSError(f"Not an answer of the app: status {response.status}")
