"""Real gunicorn servers in front of the local workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.streaming.servers import Server, gunicorn

Gunicorn = Callable[..., Server]


@pytest.fixture
def start_gunicorn(
    fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int], tmp_path: Path
) -> Iterator[Gunicorn]:
    """Starts gunicorn. Keywords in capitals are settings of the app."""
    with ExitStack() as stack:

        def start(*arguments: str, **settings: str) -> Server:
            environment = {
                "DATABRICKS_HOST": fault_proxy.host,
                "DATABRICKS_TOKEN": fault_proxy.token,
                "DATABRICKS_JOB_GATED": str(job_ids["gated"]),
                "DATABRICKS_JOB_NEVER": str(job_ids["never"]),
                "LAKEFLOW_JOBS_POLL_INTERVAL": "0.25",
                "LAKEFLOW_JOBS_HEARTBEAT": "0.2",
                **settings,
            }
            return stack.enter_context(
                Server(tmp_path / "server", gunicorn(*arguments), environment)
            )

        yield start
