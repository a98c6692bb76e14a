"""Changes of modules of others as soon as they are loaded; import hooks use it."""

from __future__ import annotations

from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec


def find_and_change(
    name: str,
    path: Sequence[str] | None,
    change: Callable[[types.ModuleType], None],
    prepare: Callable[[], None] = lambda: None,
) -> ModuleSpec | None:
    """Find a module that is changed once it is loaded.

    :param path: the folders of its package; ``None``: those of the import path.
    :param prepare: called right before the module is loaded.
    """
    spec = PathFinder.find_spec(name, path)
    if spec is None or spec.loader is None:
        return spec
    load = spec.loader.exec_module

    def load_and_change(module: types.ModuleType) -> None:
        prepare()
        load(module)
        change(module)

    spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
    return spec
