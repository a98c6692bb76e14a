"""Recipes for each emulator: install, start and add jobs, as its documentation says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The Python files of the jobs. The job ``quick`` has none where the emulator can do without.
FILES: Mapping[str, str] = {
    "slow": "import time\ntime.sleep(30)\n",
    "failing": "raise SystemExit('meant to fail')\n",
    "quick": "",
}

#: Sends a request with a JSON body; returns the status and the JSON of the answer.
Send = Callable[[str, str, Any], tuple[int, Any]]


@dataclass(frozen=True)
class Emulator:
    """An emulator, and how to install and start it.

    :param requirement: what is installed; empty for this package.
    :param command: its arguments, with ``{python}``, ``{bin}``, ``{folder}`` and ``{port}``.
    :param prepare: arguments of a command that runs once, before the first start.
    :param add_jobs: makes its jobs over the API; returns key → id.
    """

    name: str
    requirement: str
    command: tuple[str, ...]
    add_jobs: Callable[[Send], dict[str, int]]
    prepare: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def write_bundle(folder: Path) -> None:
    """Write the bundle of the local workspace, in JSON, which is YAML too."""
    for key, text in FILES.items():
        (folder / f"{key}.py").write_text(text)
    task = {"task_key": "main", "spark_python_task": {"python_file": "./slow.py"}}
    failing = {"task_key": "main", "spark_python_task": {"python_file": "./failing.py"}}
    limit = {"max_concurrent_runs": 3, "queue": {"enabled": True}}
    jobs = {
        "quick": {
            "max_concurrent_runs": 1000,
            "tags": {"local_simulation": "{}"},
            "tasks": [task],
        },
        "slow": {**limit, "tasks": [task]},
        "failing": {**limit, "tasks": [failing]},
    }
    named = {key: {"name": key, **job} for key, job in jobs.items()}
    bundle = {"bundle": {"name": "compared"}, "resources": {"jobs": named}}
    (folder / "databricks.yml").write_text(json.dumps(bundle))


def _find_jobs(send: Send) -> dict[str, int]:
    jobs = _checked(send("GET", "/api/2.2/jobs/list", None))["jobs"]
    return {job["settings"]["name"]: job["job_id"] for job in jobs}


def _add_to_minilake(send: Send) -> dict[str, int]:
    """Add the jobs. MiniLake skips the task of the quick job, so no process starts."""
    condition = {"op": "EQUAL_TO", "left": "a", "right": "a"}
    return _create_jobs(send, {}, quick={"task_key": "main", "condition_task": condition})


def _add_to_brickhouse(send: Send) -> dict[str, int]:
    environment = {"environment_key": "e", "spec": {"environment_version": "1"}}
    more = {"environments": [environment], "max_concurrent_runs": 10}
    return _create_jobs(
        send, more, environment_key="e", disable_auto_optimization=True, max_retries=0
    )


def _create_jobs(
    send: Send, more: Mapping[str, Any], *, quick: Mapping[str, Any] | None = None, **task: Any
) -> dict[str, int]:
    """Create a job of one task for each file.

    :param more: further fields of the jobs.
    :param quick: the task of the job ``quick``, instead of its file.
    :param task: further fields of the tasks.
    """
    for key, text in FILES.items():
        content = base64.b64encode((text or "\n").encode()).decode()
        _checked(
            send(
                "POST",
                "/api/2.0/workspace/import",
                {
                    "path": f"/Workspace/Shared/{key}.py",
                    "format": "SOURCE",
                    "language": "PYTHON",
                    "content": content,
                    "overwrite": True,
                },
            )
        )
    tasks = {key: _python_task(key) | task for key in FILES}
    if quick is not None:
        tasks["quick"] = dict(quick)
    return {
        key: _checked(send("POST", "/api/2.2/jobs/create", {"name": key, "tasks": [each], **more}))[
            "job_id"
        ]
        for key, each in tasks.items()
    }


def _python_task(key: str) -> dict[str, Any]:
    return {"task_key": "main", "spark_python_task": {"python_file": f"/Workspace/Shared/{key}.py"}}


def _checked(answer: tuple[int, Any]) -> Any:
    status, body = answer
    if status != 200:
        raise RuntimeError(f"the emulator refused a job with {status}: {body}")
    return body


OURS = Emulator(
    "This package",
    "",
    (
        *("{python}", "-m", "flask_lakeflow_jobs.local", "--quiet"),
        *("--bundle", "{folder}", "--folder", "{folder}/workspace", "--port", "{port}"),
    ),
    _find_jobs,
)
#: Without Docker it runs tasks as processes, and with MINILAKE_PERSIST it saves its state.
MINILAKE = Emulator(
    "MiniLake",
    "minilake==1.9.0",
    ("{bin}/minilake", "--port", "{port}"),
    _add_to_minilake,
    environ={
        "MINILAKE_DATA_DIR": "{folder}/data",
        "MINILAKE_JOB_EXECUTOR": "subprocess",
        "MINILAKE_PERSIST": "1",
    },
)
BRICKHOUSE = Emulator(
    "BrickHouse",
    "brickhouse==0.1.0",
    (
        *("{bin}/brickhouse", "serve", "--workspace", "{folder}/workspace"),
        *("--host", "127.0.0.1", "--port", "{port}"),
    ),
    _add_to_brickhouse,
    prepare=("{bin}/brickhouse", "init", "--workspace", "{folder}/workspace"),
)
EMULATORS = (OURS, MINILAKE, BRICKHOUSE)
