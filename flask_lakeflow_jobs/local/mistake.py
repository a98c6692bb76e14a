"""Something wrong in a job's settings, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""The keys and indexes that lead to something in a job's settings."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in a job's settings.

    :param path: where it is.
    :param wanted: where something of another type stands: what the API calls the right type.
    :param given: what stands there then.
    """

    path: Path
    message: str
    wanted: str = ""
    given: Any = None
