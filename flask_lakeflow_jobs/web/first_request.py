"""Work that each process begins after the first request that it has served."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from flask import Response, current_app, request

from ..concurrency import reset_after_late_patch, reset_in_new_processes
from .servers import Server, find_server


class FirstRequestHook(ABC):
    """Begins something once per process, after its first request.

    A process that only forks workers and a command serve no request, so nothing begins there. Nor
    does it in tests: requests of a test client and of apps with ``TESTING`` do not count.
    """

    def __init__(self) -> None:
        self._reset()
        reset_in_new_processes(self._reset)  # a child has none of its parent's threads

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
