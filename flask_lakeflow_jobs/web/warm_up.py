"""The first request of a process: it adjusts the server, and warms up the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from flask import Response, current_app, request

from ..concurrency import reset_after_late_patch, reset_in_new_processes
from ..errors import LakeflowJobsError
from .servers import Server, find_server
from .sse.limits import limit_connections

_log = logging.getLogger("flask_lakeflow_jobs.upstream")


class WarmUp:
    """Warms up a process once, after the first request that it has served.

    A process that forks its workers and a command serve no request, so they stay cold. So do tests:
    requests of a test client and of apps with ``TESTING`` do not count.

    :param warm_up: loads the SDK, logs in and connects; ``None``: nothing does before the first
        call.
    """

    def __init__(self, warm_up: Callable[[], None] | None) -> None:
        self._warm_up = warm_up
        self._reset()
        reset_in_new_processes(self._reset)  # a child has none of its parent's connections

    def _reset(self) -> None:
        self._is_started = False
        self._first = threading.Lock()

    def after_request(self, response: Response) -> Response:
        """Start the warm-up, unless it was started.

        The server is still on the stack, as it would not be when a request is torn down.
        """
        if not (self._is_started or current_app.testing):
            server = find_server(request.environ)
            if not server.is_test_client:
                self._start(server)
        return response

    def _start(self, server: Server) -> None:
        reset_after_late_patch()  # later, it would start a second warm-up
        self._is_started = True
        limit_connections(server)
        if self._warm_up is not None and self._first.acquire(blocking=False):
            run = partial(self._run, self._warm_up)
            thread = threading.Thread(target=run, name="lakeflow-warm-up", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # too many threads
                _log.info("The process is not warmed up: %s", error)

    def _run(self, warm_up: Callable[[], None]) -> None:
        try:
            warm_up()
        except LakeflowJobsError as error:
            _log.info("The warm-up failed, so the first call logs in: %s", error)
        except Exception as error:  # its message is not known to be free of secrets
            _log.info("The warm-up failed: %s", type(error).__name__)
