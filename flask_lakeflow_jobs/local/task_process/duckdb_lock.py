"""The lock of the DuckDB files, which only one process can open at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lock_tables() -> Iterator[None]:
    """Wait until no other task uses the tables, and keep others from using them."""
    lock = os.open(
        os.path.join(os.environ["LAKEFLOW_LOCAL_DATA"], ".lock"),
        os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
        0o600,
    )
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another task that uses the tables.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
