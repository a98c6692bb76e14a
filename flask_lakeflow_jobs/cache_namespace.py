"""The part of an app's cache keys that tells its workspace and identity from others."""

from __future__ import annotations

import re
from pathlib import Path

from .cache import hash_json
from .config.keys import SDK_KEYS
from .config.readers import SettingsReader

#: Settings of the SDK, besides ``SDK_KEYS``, that select a workspace or an identity.
#: Source: databricks-sdk, ``Config``.
OTHER_SDK_KEYS = (
    "DATABRICKS_ACCOUNT_ID",
    "DATABRICKS_WORKSPACE_ID",
    "DATABRICKS_USERNAME",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "ARM_TENANT_ID",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_CREDENTIALS",
)

_PASSWORD_LINE = re.compile(r"(?mi)^\s*password\b.*$")


def cache_namespace(settings: SettingsReader, bundle: Path | None, instance: Path) -> str:
    """Return a name for the workspace and the app's identity there.

    All processes of an app have the same one. It does not reveal the credentials that it is made
    of: tokens and secrets are too long to guess, and passwords are left out.

    :param bundle: the bundle that runs on the local workspace; ``None`` for a real workspace.
    :param instance: the app's instance folder, where the local workspace lives.
    """
    if bundle is not None:
        return hash_json([str(bundle), str(instance)])[:16]
    values = {
        key: str(value) for key in (*SDK_KEYS, *OTHER_SDK_KEYS) if (value := settings.get(key))
    }
    if "DATABRICKS_HOST" not in values:
        profiles = Path(values.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser()
        text = profiles.read_text(errors="replace") if profiles.is_file() else ""
        values["profiles"] = _PASSWORD_LINE.sub("", text)
    return hash_json(values)[:16]
