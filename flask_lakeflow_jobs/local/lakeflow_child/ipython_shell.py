"""The shell of IPython in which code of Databricks runs: modules of a bundle get ``dbutils`` there.

Tasks run without IPython, which takes long to load.
"""

from __future__ import annotations

import sys

from .import_hooks import find_and_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
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


class IPythonFinder:
    """Finds ``IPython`` where it is installed, and gives it the shell once it is loaded."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Return how to load ``IPython``."""
        return find_and_change(name, None, self._add_shell) if name == "IPython" else None

    def _add_shell(self, module: types.ModuleType) -> None:
        vars(module)["get_ipython"] = lambda: self._shell
