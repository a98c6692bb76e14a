"""Runs Prefect's flow that starts a job and waits for it, and prints the results."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from prefect.testing.utilities import prefect_test_harness
from prefect_databricks import DatabricksCredentials
from prefect_databricks.flows import (
    DatabricksJobInternalError,
    jobs_runs_submit_by_id_and_wait_for_completion,
)

INSTANCE = os.environ["INSTANCE"]
SECRET = os.environ["SECRET"]


async def main() -> dict[str, Any]:
    outputs = await run("ETL", {"token": SECRET}, job_parameters={"day": "2013-02-03"})
    try:
        await run("FLAKY", {"client_id": "a-service-principal", "client_secret": SECRET})
    except DatabricksJobInternalError as error:
        return {"outputs": outputs, "failure": str(error)}
    return {"outputs": outputs}


async def run(job: str, login: dict[str, str], **more: Any) -> Any:
    return await jobs_runs_submit_by_id_and_wait_for_completion(
        databricks_credentials=DatabricksCredentials(databricks_instance=INSTANCE, **login),
        job_id=int(os.environ[f"DATABRICKS_JOB_{job}"]),
        poll_frequency_seconds=1,
        **more,
    )


with prefect_test_harness(server_startup_timeout=120):
    results = asyncio.run(main())
print(json.dumps(results))
