"""Runs a Python file, or the entry point of an installed wheel."""

from __future__ import annotations

import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils


def main_module(path: str, dbutils: DBUtils) -> types.ModuleType:
    """A fresh ``__main__`` for the user's code, so that pickling and multiprocessing find it."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    dbutils.serve_imports(module.__dict__)
    return module


def use_folders(payload: dict[str, Any]) -> None:
    """The folder of the code comes first on the path, then the task's libraries; the root of the
    bundle's files comes last.
    """
    sys.path[:0] = [payload["folder"], *payload["libraries"]]
    if payload["root"] not in sys.path:
        sys.path.append(payload["root"])


def run_script(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Run ``path`` as ``python path parameters…`` would."""
    path = payload["path"]
    use_folders(payload)
    sys.argv = [path, *payload["parameters"]]
    module = main_module(path, dbutils)
    module.__dict__.update(dbutils.notebook_names())
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 (running it is the purpose)


def run_wheel(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Call the entry point of a package: one that its metadata names, else a function of that
    name.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    package, name = payload["package_name"], payload["entry_point"]
    use_folders(payload)
    sys.argv = [os.path.basename(sys.argv[0]), *payload["parameters"]]
    dbutils.serve_imports({})
    from .entrypoints import declared_entry_point

    try:
        named = [each for each in distribution(package).entry_points if each.name == name]
    except PackageNotFoundError:
        named = []
        if not payload["libraries"]:
            raise ModuleNotFoundError(
                f"The package {package!r} is not installed here. Install it into the environment "
                f"that runs the local workspace ({sys.executable}), or name its wheel among the "
                "task's libraries or in its environment."
            ) from None
    if named:
        named[0].load()()
        return
    module_name, function = declared_entry_point(payload["libraries"], package, name) or (
        package.replace("-", "_"),
        name,
    )
    call = getattr(_module_or_none(module_name), function, None)
    if call is None:
        raise AttributeError(
            f"The package {package!r} has no entry point {name!r}, and there is no function "
            f"{function!r} in a module {module_name!r}. Name an entry point that its project "
            "declares."
        )
    call()


def _module_or_none(name: str) -> types.ModuleType | None:
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        return None
