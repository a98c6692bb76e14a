"""Dynamic value references inside a run."""

from __future__ import annotations

from tests.local.conftest import Serve
from tests.local.support import depends_on, python_task


def test_references_match_the_ids_of_the_api(serve: Serve) -> None:
    names = [
        "job.id",
        "job.run_id",
        "task.run_id",
        "tasks.first.run_id",
        "tasks.first.result_state",
        "workspace.id",
        "workspace.url",
    ]
    parameters = [f"{name}={{{{{name}}}}}" for name in names]
    tasks = [
        python_task("first"),
        python_task("main", "main.py", *parameters, depends_on=depends_on("first")),
    ]
    client = serve(
        {"etl": {"tasks": tasks}}, {"main.py": "import sys; print(*sys.argv[1:], sep='\\n')"}
    )
    run = client.run("etl")
    first, main = run.tasks or []
    lines = (client.outputs(run)["main"].logs or "").splitlines()
    assert dict(line.split("=") for line in lines) == {
        "job.id": str(run.job_id),
        "job.run_id": str(run.run_id),
        "task.run_id": str(main.run_id),
        "tasks.first.run_id": str(first.run_id),
        "tasks.first.result_state": "success",
        "workspace.id": str(client.sdk.get_workspace_id()),
        "workspace.url": client.address.host,
    }
