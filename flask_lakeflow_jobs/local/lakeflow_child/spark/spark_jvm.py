"""Prepares a pyspark of the user, which runs in a Java virtual machine of each task."""

from __future__ import annotations

import fcntl
import os
from typing import Any

_locks: list[int] = []


def lock_metastore() -> None:
    """Wait until no other task has the metastore open, and keep them away until this one ends."""
    if "LAKEFLOW_LOCAL_SPARK" not in os.environ:
        return
    path = os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "metastore.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Waiting for another task that uses Spark.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    _locks.append(lock)  # until the process ends


def prepare_session() -> None:
    """Let tasks that use Spark run one after the other: one process at a time opens a metastore."""
    if "SPARK_CONF_DIR" not in os.environ or "SPARK_REMOTE" in os.environ:
        return
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.Builder
    get_or_create = builder.getOrCreate

    def get_or_create_locked(self: Any) -> Any:
        if not _locks:
            lock_metastore()
        return get_or_create(self)

    builder.getOrCreate = get_or_create_locked
