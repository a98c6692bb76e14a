"""The start of following in a process that serves requests."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .first_request import FirstRequestHook
from .servers import Server

if TYPE_CHECKING:
    from ..following.follower import Follower

#: How long a process that ends waits until the lease is released.
STOP_SECONDS = 2.0

_log = logging.getLogger("flask_lakeflow_jobs.polling")


class FollowStart(FirstRequestHook):
    """Starts to follow runs in a thread, once per process.

    A server that serves one request at a time does not run threads beside it, or stops the process
    for long, so ``flask jobs follow`` follows there.

    :param build: builds the follower of this process.
    """

    def __init__(self, build: Callable[[], Follower]) -> None:
        super().__init__()
        self._build = build

    def _begin(self, server: Server) -> None:
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
        if not self._is_first():
            return
        follower = self._build()
        thread = threading.Thread(target=follower.run, name="lakeflow-follow", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many threads
            _log.warning("This process follows no runs: %s", error)
            return
        atexit.register(self._stop, follower, thread)

    @staticmethod
    def _stop(follower: Follower, thread: threading.Thread) -> None:
        """Release the lease, so that another process takes over at once."""
        follower.stop()
        thread.join(STOP_SECONDS)
