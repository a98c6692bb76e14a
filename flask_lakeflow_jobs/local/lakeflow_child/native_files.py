"""Paths of the workspace in libraries that open files without Python, such as polars.

``workspace_paths`` translates those that Python opens.
"""

from __future__ import annotations

from .import_hooks import find_and_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any

# Patterns of the functions that take a path: of each module, and of its classes. pandas reads
# folders, and writes partitions, with those of pyarrow.
_FUNCTIONS = {
    "duckdb": {"": r"connect|read_\w+"},
    "polars": {
        "": r"(?:read|scan)_\w+",
        "DataFrame": r"write_\w+",
        "LazyFrame": r"sink_\w+",
    },
    "pyarrow.csv": {"": r"(?:open|read|write)_csv"},
    "pyarrow.dataset": {"": r"dataset|write_dataset"},
    "pyarrow.parquet": {
        "": r"(?:read|write)_\w+",
        "ParquetDataset": "__init__",
        "ParquetFile": "__init__",
        "ParquetWriter": "__init__",
    },
    "sqlite3": {"": "connect"},
}


class NativeFinder:
    """Finds these libraries, and lets them take paths of the workspace once they are loaded.

    :param translate: returns the path of this machine, and any other value as it is.
    """

    def __init__(self, translate: Callable[[Any], Any]) -> None:
        self._translate = translate

    def find_spec(self, name: str, path: Sequence[str] | None = None, *_: Any) -> ModuleSpec | None:
        """Return how to load one of the libraries."""
        if name not in _FUNCTIONS:
            return None
        return find_and_change(name, path, self._wrap_functions)

    def _wrap_functions(self, module: types.ModuleType) -> None:
        for holder, pattern in _FUNCTIONS[module.__name__].items():
            self._wrap_all(getattr(module, holder, None) if holder else module, pattern)

    def _wrap_all(self, holder: Any, pattern: str) -> None:
        import re  # it delays the start of tasks, and few use these libraries

        for name in [each for each in dir(holder) if re.fullmatch(pattern, each)]:
            setattr(holder, name, self._wrap(getattr(holder, name)))

    def _wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps  # few tasks need it

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            translated = {key: self._translate_all(each) for key, each in named.items()}
            return function(*map(self._translate_all, arguments), **translated)

        return call

    def _translate_all(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._translate(each) for each in value]
        return self._translate(value)
