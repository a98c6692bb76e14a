"""The environment of processes that run the user's code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: The beginning of the names of variables that hold secrets for tasks.
SECRET_PREFIX = "LAKEFLOW_SECRET_"  # noqa: S105 (no secret)

#: The version of a Databricks runtime with Spark 4. Code that finds none runs as on a laptop.
RUNTIME_VERSION = "17.3"

#: Variables that configure the app or log it in, at Databricks and its clouds.
_APP_PREFIXES = ("ARM_", "AWS_", "AZURE_", "DATABRICKS_", "FLASK_", "GOOGLE_", "LAKEFLOW_JOBS")


def read_environment() -> dict[str, str]:
    """Return the environment of this process without the credentials and settings of the app.

    Secrets for tasks (``LAKEFLOW_SECRET_…``) stay. Clusters are in UTC, wherever this machine is.
    No proxy reaches the servers of the workspace, which listen on the loopback interface.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_APP_PREFIXES) and name != "SECRET_KEY"
    }
    without_proxy = kept.get("no_proxy") or kept.get("NO_PROXY") or ""
    if without_proxy != "*":
        without_proxy = ",".join(filter(None, [without_proxy, "127.0.0.1", "localhost"]))
    return {**kept, "TZ": "UTC", "no_proxy": without_proxy, "NO_PROXY": without_proxy}


def keep_bytecode(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return an environment in which Python keeps the bytecode of modules, but not beside them.

    ``PYTHONDONTWRITEBYTECODE``, which images of containers often set, would let each task compile
    its packages again. That of Spark takes seconds.
    """
    kept = dict(environment)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept.setdefault("PYTHONPYCACHEPREFIX", str(folder))
    return kept


def find_secrets(environment: Mapping[str, str]) -> set[str]:
    """Return the values of the secrets in an environment."""
    return {value for name, value in environment.items() if name.startswith(SECRET_PREFIX)}


def drop_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a task without its secrets and the workspace's token.

    It is for programs that serve tasks, and run code of other people.
    """
    prefixes = ("DATABRICKS_", "LAKEFLOW_")
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}
