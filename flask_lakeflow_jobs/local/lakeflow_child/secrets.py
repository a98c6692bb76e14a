"""``dbutils.secrets``: values from the environment.

The workspace redacts them in the log and the result of the task.
"""

from __future__ import annotations

import os
import re

_REFERENCE = re.compile(r"\{\{secrets/([^/{}]+)/([^/{}]+)\}\}")


class SecretsUtils:
    """``dbutils.secrets``: the secret ``key`` of ``scope`` is ``LAKEFLOW_SECRET_<SCOPE>_<KEY>``."""

    def get(self, scope: str, key: str) -> str:
        """Return a secret."""
        name = "LAKEFLOW_SECRET_" + re.sub(r"\W", "_", f"{scope}_{key}", flags=re.ASCII).upper()
        value = os.environ.get(name)
        if value is None:
            raise ValueError(
                f"Secret does not exist with scope: {scope} and key: {key}. Set {name} in the "
                "environment of the local workspace."
            )
        return value

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 (its name on Databricks)
        """Return a secret as bytes."""
        return self.get(scope, key).encode()


def insert_secrets(text: str) -> str:
    """Replace each ``{{secrets/scope/key}}`` by the secret."""
    return _REFERENCE.sub(lambda match: SecretsUtils().get(match[1], match[2]), text)
