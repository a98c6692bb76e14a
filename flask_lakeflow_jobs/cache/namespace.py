"""The workspace and the identity of an app, in its cache keys and in the signatures of entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..config.keys import SDK_KEYS
from ..config.readers import SettingsReader
from .shared_cache import hash_json

#: Settings of the SDK, besides ``SDK_KEYS``, that select a workspace or an identity.
#: Source: databricks-sdk, ``Config``.
OTHER_SDK_KEYS = (
    "DATABRICKS_ACCOUNT_ID",
    "DATABRICKS_WORKSPACE_ID",
    "DATABRICKS_USERNAME",
    "DATABRICKS_OIDC_TOKEN_ENV",
    "DATABRICKS_OIDC_TOKEN_FILEPATH",
    "DATABRICKS_METADATA_SERVICE_URL",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "ARM_TENANT_ID",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "ARM_USE_MSI",
    "DATABRICKS_GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_CREDENTIALS",
)

_PASSWORD_LINE = re.compile(r"(?mi)^\s*password\b.*$")


class CacheNamespace(NamedTuple):
    """The entries of an app in a shared cache. All its processes have the same one.

    Neither part reveals the credentials that it is made of: tokens and secrets are too long to
    guess, and passwords are left out.

    :param name: the start of the keys.
    :param secret: signs the entries; as hard to guess as the credentials, which may have no secret.
    """

    name: str
    secret: str


def cache_namespace(
    settings: SettingsReader, bundle: Path | None, instance: Path
) -> CacheNamespace:
    """Return the namespace of the workspace and the app's identity there.

    :param bundle: the bundle that runs on the local workspace; ``None`` for a real workspace.
    :param instance: the app's instance folder, where the local workspace lives.
    """
    if bundle is not None:
        return _namespace([str(bundle), str(instance)])
    values = {
        key: str(value) for key in (*SDK_KEYS, *OTHER_SDK_KEYS) if (value := settings.get(key))
    }
    if "DATABRICKS_HOST" not in values:
        values["profiles"] = _PASSWORD_LINE.sub("", _read_profiles(values))
    return _namespace(values)


def _read_profiles(values: Mapping[str, str]) -> str:
    try:
        profiles = Path(values.get("DATABRICKS_CONFIG_FILE", "~/.databrickscfg")).expanduser()
        return profiles.read_text("utf-8", "replace")
    except (OSError, RuntimeError):  # there are none, or the user has no home
        return ""


def _namespace(values: object) -> CacheNamespace:
    digest = hash_json(values)
    return CacheNamespace(digest[:16], digest[16:])
