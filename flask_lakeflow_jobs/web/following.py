"""The start of following in a process that serves requests."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Response, current_app, request

from ..concurrency import reset_after_late_patch, reset_in_new_processes
from .servers import Server, find_server

if TYPE_CHECKING:
    from ..following import Follower

#: How long a process that ends waits until the lease is released.
STOP_SECONDS = 2.0

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class FollowStart:
    """Starts to follow runs in a thread, once per process, after the first request.

    Like the warm-up, it starts nothing in a process that only forks workers, in commands or in
    tests. A server that serves one request at a time does not run threads beside it, or stops the
    process for long, so `flask jobs follow` follows there.

    :param build: builds the follower of this process.
    """

    def __init__(self, build: Callable[[], Follower]) -> None:
        self._build = build
        self._reset()
        reset_in_new_processes(self._reset)

    def _reset(self) -> None:
        self._is_done = False
        self._first = threading.Lock()
        self._follower: Follower | None = None

    def after_request(self, response: Response) -> Response:
        """Start following, unless it was started or does not fit the server.

        The server is still on the stack, as it would not be when a request is torn down.
        """
        if not (self._is_done or current_app.testing):
            server = find_server(request.environ)
            if not server.is_test_client:
                self._start_on(server)
        return response

    def _start_on(self, server: Server) -> None:
        if server.threads == 1:
            self._is_done = True
            _log.warning(
                "%s serves one request at a time, so this process follows no runs. Run 'flask jobs"
                " follow' beside it.",
                server.name,
            )
            return
        self.start()

    def start(self) -> None:
        """Start following in this process, unless it was started."""
        reset_after_late_patch()  # later, it would start a second thread
        self._is_done = True
        if not self._first.acquire(blocking=False):
            return
        self._follower = self._build()
        thread = threading.Thread(target=self._follower.run, name="lakeflow-follow", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many threads
            _log.warning("This process follows no runs: %s", error)
            return
        atexit.register(self._stop, self._follower, thread)

    @staticmethod
    def _stop(follower: Follower, thread: threading.Thread) -> None:
        """Release the lease, so that another process takes over at once."""
        follower.stop()
        thread.join(STOP_SECONDS)
