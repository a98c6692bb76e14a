"""Whose it is what processes share: an app with another workspace, or other credentials, neither
sees nor spoils it, though it uses the same cache."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .keys import SDK_KEYS
from .sources import Sources

#: What else the SDK reads that says where it calls, and as whom.
#: Source: databricks-sdk, ``Config``.
OTHER_KEYS = (
    "DATABRICKS_ACCOUNT_ID",
    "DATABRICKS_WORKSPACE_ID",
    "DATABRICKS_USERNAME",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "ARM_TENANT_ID",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_CREDENTIALS",
)


def scope_of(sources: Sources, bundle: Path | None, instance: Path) -> str:
    """A name for the workspace and as whom the app acts there, the same in all its processes.

    It gives nothing away of the credentials that it is made of.

    :param sources: the app's config and the environment.
    :param bundle: what runs on the embedded workspace; ``None``: a real one is used.
    :param instance: the app's instance folder, where the embedded workspace lives.
    """
    if bundle is not None:
        return _digest([str(bundle), str(instance)])
    said = {key: str(sources.get(key)) for key in (*SDK_KEYS, *OTHER_KEYS) if sources.get(key)}
    if "DATABRICKS_HOST" not in said:
        profiles = Path(said.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser()
        said["profiles"] = profiles.read_text(errors="replace") if profiles.is_file() else ""
    return _digest(said)


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
