"""prefect-databricks: its run-now-and-wait flow helper."""

# mypy: ignore-errors

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

# Started by path, this file would stand in for the package it is about.
sys.path.pop(0)

import httpx
from prefect_databricks import DatabricksCredentials
from prefect_databricks.flows import (
    jobs_runs_submit_by_id_and_wait_for_completion,
)


class WithoutTls(httpx.AsyncHTTPTransport):
    """Prefect speaks only https; the workspace is on this machine and speaks http."""

    def __reduce__(self) -> Any:
        # Prefect pickles what its tasks are given.
        return WithoutTls, ()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it without TLS."""
        request.url = request.url.copy_with(scheme="http")
        return await super().handle_async_request(request)


async def main() -> None:
    credentials = DatabricksCredentials(
        databricks_instance=os.environ["DATABRICKS_HOST"].removeprefix("http://"),
        token=os.environ["DATABRICKS_TOKEN"],
        client_kwargs={"transport": WithoutTls()},
    )
    results: Any = await jobs_runs_submit_by_id_and_wait_for_completion(
        databricks_credentials=credentials,
        job_id=int(os.environ["DATABRICKS_JOB_PLAIN"]),
        notebook_params={"day": "friday"},
        poll_frequency_seconds=1,
    )
    assert results["main"]["result"] == "{'day': 'friday'}", results


asyncio.run(main())
