"""The error about what ``dbutils`` has on Databricks only."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def raise_not_served(name: str) -> NoReturn:
    """Raise an error about a part of ``dbutils`` that does not exist here.

    :raises AttributeError: always.
    """
    raise AttributeError(
        f"dbutils.{name} does not exist in the local workspace. Skip it there, or simulate the job "
        "(tag 'local_simulation')."
    )
