"""The shell of IPython in which code of Databricks runs: modules of a bundle get ``dbutils`` there.

Tasks run without IPython, which takes long to load.
"""

from __future__ import annotations

import sys

from .import_hooks import change_when_loaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Events:
    """The events of a shell, none of which occurs."""

    def register(self, event: str, function: Any) -> None:
        """Ignore a function to call after a cell, such as that of ``matplotlib``."""

    unregister = register


class Shell:
    """The shell that ``get_ipython()`` returns.

    :param list_names: returns the names that each notebook and each script begins with.
    :ivar config: as in a terminal, so that no library draws for a browser.
    """

    def __init__(self, list_names: Callable[[], dict[str, Any]]) -> None:
        self._list_names = list_names
        self.config: dict[str, Any] = {}
        self.events = _Events()

    @property
    def user_ns(self) -> dict[str, Any]:
        """The names of the notebook or of the script."""
        names = vars(sys.modules["__main__"])
        return names if "dbutils" in names else {**names, **self._list_names()}

    @property
    def ns_table(self) -> dict[str, dict[str, Any]]:
        """The same names, where the SDK and MLflow look for ``dbutils``."""
        return {"user_global": self.user_ns}

    def install(self) -> None:
        """Give the shell to ``IPython`` once it is loaded."""
        change_when_loaded({"IPython": self._add_to})

    def _add_to(self, ipython: Any) -> None:
        ipython.get_ipython = lambda: self
