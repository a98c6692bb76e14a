"""Objects by which this process looks like a gunicorn worker."""

from __future__ import annotations

import signal
from types import FrameType, SimpleNamespace


class ThreadWorker:
    """Has the name, the signal handler and the setting of gunicorn's gthread worker."""

    def __init__(self, threads: int) -> None:
        self.alive = True
        self.cfg = SimpleNamespace(threads=threads)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that never comes."""


def install_worker(worker: ThreadWorker) -> None:
    signal.signal(signal.SIGTERM, worker.handle)
