"""``dbutils.secrets``: what the environment of the workspace has, kept out of what is printed."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PREFIX = "LAKEFLOW_SECRET_"
_REFERENCE = re.compile(r"\{\{secrets/([^/{}]+)/([^/{}]+)\}\}")
_known: set[str] = set()


class Secrets:
    """Reads the secret ``key`` of ``scope`` from ``LAKEFLOW_SECRET_<SCOPE>_<KEY>``."""

    def get(self, scope: str, key: str) -> str:
        """The secret."""
        name = variable(scope, key)
        value = os.environ.get(name)
        if value is None:
            raise ValueError(
                f"Secret does not exist with scope: {scope} and key: {key}. Set {name} in the "
                "environment of the local workspace."
            )
        _conceal(value)
        return value

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 (its name on Databricks)
        """The secret as bytes."""
        return self.get(scope, key).encode()


def variable(scope: str, key: str) -> str:
    """The name of the environment variable that holds a secret."""
    return _PREFIX + re.sub(r"\W", "_", f"{scope}_{key}", flags=re.ASCII).upper()


def filled_in(text: str) -> str:
    """A text with the secrets that it names as ``{{secrets/scope/key}}``."""
    return _REFERENCE.sub(lambda match: Secrets().get(match[1], match[2]), text)


def redacted(text: str) -> str:
    """A text without the secrets that have been read."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, "[REDACTED]")
    return text


def _conceal(secret: str) -> None:
    if not secret:
        return
    if not _known:
        sys.stdout = _RedactingStream(sys.stdout)
        sys.stderr = _RedactingStream(sys.stderr)
    _known.add(secret)


class _RedactingStream:
    """A stream that writes no secret."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
