"""Runs a Python file."""

from __future__ import annotations

import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils


def create_main_module(path: str, dbutils: DBUtils) -> types.ModuleType:
    """Replace ``__main__`` by an empty module, so that pickling and multiprocessing find it."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    dbutils.serve_imports(module.__dict__)
    module.__dict__.update(dbutils.notebook_names())
    return module


def extend_import_path(payload: dict[str, Any]) -> None:
    """Put the code's folder and the task's libraries first, and the bundle's root last."""
    sys.path[:0] = [payload["folder"], *payload["libraries"]]
    if payload["root"] not in sys.path:
        sys.path.append(payload["root"])


def run_script(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Run ``path`` as ``python path parameters…`` does."""
    path = payload["path"]
    extend_import_path(payload)
    sys.argv = [path, *payload["parameters"]]
    module = create_main_module(path, dbutils)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 (running it is the purpose)
