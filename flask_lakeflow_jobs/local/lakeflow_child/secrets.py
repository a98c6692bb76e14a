"""``dbutils.secrets``: values from the environment, redacted in everything that is printed."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_REFERENCE = re.compile(r"\{\{secrets/([^/{}]+)/([^/{}]+)\}\}")
_values_to_redact: set[str] = set()


class SecretsUtils:
    """``dbutils.secrets``: the secret ``key`` of ``scope`` is ``LAKEFLOW_SECRET_<SCOPE>_<KEY>``."""

    def get(self, scope: str, key: str) -> str:
        """Return a secret, and redact it from now on."""
        name = "LAKEFLOW_SECRET_" + re.sub(r"\W", "_", f"{scope}_{key}", flags=re.ASCII).upper()
        value = os.environ.get(name)
        if value is None:
            raise ValueError(
                f"Secret does not exist with scope: {scope} and key: {key}. Set {name} in the "
                "environment of the local workspace."
            )
        if value:
            if not _values_to_redact:
                sys.stdout = _RedactingStream(sys.stdout)
                sys.stderr = _RedactingStream(sys.stderr)
            _values_to_redact.add(value)
        return value

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 (its name on Databricks)
        """Return a secret as bytes."""
        return self.get(scope, key).encode()


def insert_secrets(text: str) -> str:
    """Replace each ``{{secrets/scope/key}}`` by the secret."""
    return _REFERENCE.sub(lambda match: SecretsUtils().get(match[1], match[2]), text)


def redact_secrets(text: str) -> str:
    """Replace all secrets that have been read."""
    for value in sorted(_values_to_redact, key=len, reverse=True):
        text = text.replace(value, "[REDACTED]")
    return text


class _RedactingStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact_secrets(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
