"""Three bundles that together have every kind of task that runs locally."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.local.support import Client, require_duckdb, state_fields, task_results

BUNDLES = Path(__file__).parents[1] / "bundles"
Serve = Callable[..., Client]


@pytest.fixture
def serve_bundle(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(name: str, target: str | None = None) -> Client:
            path = BUNDLES / name / "databricks.yml"
            folder = tmp_path / f"{name}-{target}"
            address = stack.enter_context(Workspace(path, folder, target=target))
            jobs = load_bundle(path, target=target).jobs
            return Client(address, {key: job.job_id for key, job in jobs.items()})

        yield start


def test_run_orders_gives_output_of_target(serve_bundle: Serve) -> None:
    require_duckdb()
    client = serve_bundle("orders", "prod")
    run = client.run("summary", job_parameters={"day": "friday"})
    outputs = client.outputs(run)
    assert run.run_name == "orders summary (prod)"
    assert set(task_results(run).values()) == {"SUCCESS"}, outputs
    assert client.rows(run, "total") == [["orders", "total"], ["1", "200"]]
    assert outputs["report"].notebook_output is not None
    assert outputs["report"].notebook_output.result == "3 orders on friday, least amount 100"


def test_run_branches_above_threshold(serve_bundle: Serve) -> None:
    client = serve_bundle("branches")
    run = client.run("nightly")
    assert task_results(run) == {
        "find": "SUCCESS",
        "enough": "SUCCESS",
        "each_region": "SUCCESS",
        "too_few": "EXCLUDED",
        "publish": "SUCCESS",
        "alarm": "EXCLUDED",
    }
    assert state_fields(run)[1] == "SUCCESS"
    loop = next(task for task in run.tasks or [] if task.task_key == "each_region")
    assert loop.run_id is not None
    iterations = client.jobs.get_run(loop.run_id).iterations or []
    assert sorted(state_fields(each)[1] or "" for each in iterations) == [
        "FAILED",
        *["SUCCESS"] * 3,
    ]
    nested = client.outputs(run)["publish"].run_job_output
    assert nested is not None
    assert nested.run_id is not None
    output = client.outputs(client.jobs.get_run(nested.run_id))["publish"].notebook_output
    assert output is not None
    assert output.result == f"published for run {run.run_id}"


def test_run_package_imports_wheel_from_source(serve_bundle: Serve) -> None:
    client = serve_bundle("package")
    run = client.run("tally", job_parameters={"unit": "hours"})
    logs = {key: output.logs for key, output in client.outputs(run).items()}
    assert logs == {
        "by_name": "3 hours\n",
        "by_position": "4 days\n",
        "after_both": "tally is found at the bundle's root\n",
    }
