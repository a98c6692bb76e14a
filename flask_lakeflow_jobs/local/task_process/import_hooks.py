"""Changes of other people's modules as soon as they are loaded."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any


def change_when_loaded(
    changes: Mapping[str, Callable[[Any], None]], prepare: Callable[[], None] = lambda: None
) -> None:
    """Change modules once they are loaded, if they are installed.

    :param changes: by the name of the module, which each of them gets.
    :param prepare: called right before one of the modules is loaded.
    """
    sys.meta_path.insert(0, _Finder(changes, prepare))


class _Finder:
    """Finds the modules that are changed."""

    def __init__(
        self, changes: Mapping[str, Callable[[Any], None]], prepare: Callable[[], None]
    ) -> None:
        self._changes = changes
        self._prepare = prepare

    def find_spec(self, name: str, path: Sequence[str] | None = None, *_: Any) -> ModuleSpec | None:
        """Return how to load a module, if it is one of these."""
        if (change := self._changes.get(name)) is None:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_change(module: Any) -> None:
            self._prepare()
            load(module)
            change(module)

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec
