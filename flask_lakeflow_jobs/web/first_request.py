"""Work that each process begins after its first request: the warm-up, and following."""

from __future__ import annotations

import atexit
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Response, current_app, request

from ..concurrency import reset_after_late_patch, run_in_each_process, start_thread
from ..errors import LakeflowJobsError
from .servers import Server, find_server
from .sse.limits import PROCESS_USAGE, limit_connections

if TYPE_CHECKING:
    from ..following.follower import Follower

#: How long a process that ends waits until the lease is released.
STOP_SECONDS = 2.0

_polling_log = logging.getLogger("flask_lakeflow_jobs.polling")
_upstream_log = logging.getLogger("flask_lakeflow_jobs.upstream")


class FirstRequestHook(ABC):
    """Begins something once per process, after its first request.

    A process that only forks workers and a command serve no request, so nothing begins there. Nor
    does it in tests: requests of a test client and of apps with ``TESTING`` do not count.
    """

    def __init__(self) -> None:
        run_in_each_process(self._reset)  # a child has none of its parent's threads

    def _reset(self) -> None:
        self._is_done = False
        self._first = threading.Lock()

    def after_request(self, response: Response) -> Response:
        """Begin, unless that was done.

        The server is still on the stack, as it would not be when a request is torn down.
        """
        if not (self._is_done or current_app.testing):
            server = find_server(request.environ)
            if not server.is_test_client:
                self._begin(server)
        return response

    def _is_first(self) -> bool:
        """Return whether this is the first call in this process."""
        reset_after_late_patch()  # later, it would let a second call be the first
        self._is_done = True
        return self._first.acquire(blocking=False)

    @abstractmethod
    def _begin(self, server: Server) -> None:
        """Begin on a server; requests that end at the same moment may call this together."""


class WarmUp(FirstRequestHook):
    """Adjusts the server, and warms up a process once.

    :param steps: what to call in the background, one after the other.
    """

    def __init__(self, *steps: Callable[[], None]) -> None:
        super().__init__()
        self._steps = steps

    def _begin(self, server: Server) -> None:
        limit_connections(server, PROCESS_USAGE.sockets)
        if self._is_first() and self._steps:
            try:
                start_thread(self._run, "lakeflow-warm-up")
            except RuntimeError as error:  # too many threads
                _upstream_log.info("The process is not warmed up: %s", error)

    def _run(self) -> None:
        try:
            for step in self._steps:
                step()
        except LakeflowJobsError as error:
            _upstream_log.info("The warm-up failed, so the first call logs in: %s", error)
        except Exception as error:  # its message is not known to be free of secrets
            _upstream_log.info("The warm-up failed: %s", type(error).__name__)


class FollowStart(FirstRequestHook):
    """Starts to follow runs in a thread, once per process.

    A server that serves one request at a time may not run other threads meanwhile. There, ``flask
    jobs follow`` follows the runs.

    :param build: builds the follower of this process.
    """

    def __init__(self, build: Callable[[], Follower]) -> None:
        super().__init__()
        self._build = build

    def _begin(self, server: Server) -> None:
        if server.threads == 1:
            self._is_done = True
            _polling_log.warning(
                "%s serves one request at a time, so this process follows no runs. Run 'flask jobs"
                " follow' beside it.",
                server.name,
            )
            return
        self.start()

    def start(self) -> None:
        """Start following in this process, unless it was started."""
        if not self._is_first():
            return
        follower = self._build()
        try:
            thread = start_thread(follower.run, "lakeflow-follow")
        except RuntimeError as error:  # too many threads
            _polling_log.warning("This process follows no runs: %s", error)
            return
        atexit.register(self._stop, follower, thread)

    @staticmethod
    def _stop(follower: Follower, thread: threading.Thread) -> None:
        """Release the lease, so that another process takes over at once."""
        follower.stop()
        thread.join(STOP_SECONDS)
