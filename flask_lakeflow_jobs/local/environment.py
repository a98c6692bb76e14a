"""The environment of processes that run the user's code."""

from __future__ import annotations

import os

#: Variables that configure the app or log it in, at Databricks and its clouds.
_APP_PREFIXES = ("ARM_", "AWS_", "AZURE_", "DATABRICKS_", "FLASK_", "GOOGLE_", "LAKEFLOW_JOBS")


def read_environment() -> dict[str, str]:
    """Return the environment of this process without the credentials and settings of the app.

    Secrets for tasks (``LAKEFLOW_SECRET_…``) stay.
    """
    return {name: value for name, value in os.environ.items() if not _is_of_the_app(name)}


def _is_of_the_app(name: str) -> bool:
    return name.startswith(_APP_PREFIXES) or name == "SECRET_KEY"
