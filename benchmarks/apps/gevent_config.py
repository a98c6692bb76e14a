"""The settings of gunicorn that the documentation gives for thousands of streams on gevent."""

from __future__ import annotations

import gc


def post_worker_init(worker: object) -> None:
    """Let the garbage collector run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
