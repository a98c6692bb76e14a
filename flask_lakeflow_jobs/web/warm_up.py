"""The first request of a process: it adjusts the server, and warms up the process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from ..errors import LakeflowJobsError
from .first_request import FirstRequestHook
from .servers import Server
from .sse.limits import limit_connections

_log = logging.getLogger("flask_lakeflow_jobs.upstream")


class WarmUp(FirstRequestHook):
    """Warms up a process once.

    :param warm_up: loads the SDK, logs in and connects; ``None``: nothing does before the first
        call.
    """

    def __init__(self, warm_up: Callable[[], None] | None) -> None:
        super().__init__()
        self._warm_up = warm_up

    def _begin(self, server: Server) -> None:
        limit_connections(server)
        if self._is_first() and self._warm_up is not None:
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
