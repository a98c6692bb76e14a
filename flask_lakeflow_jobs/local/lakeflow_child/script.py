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


def use_folders(order: dict[str, Any]) -> None:
    """The folder of the code comes first on the path, the root of the bundle's files last."""
    sys.path.insert(0, order["folder"])
    if order["root"] not in sys.path:
        sys.path.append(order["root"])


def run_script(order: dict[str, Any], dbutils: DBUtils) -> None:
    """Run ``path`` as ``python path parameters…`` would."""
    path = order["path"]
    use_folders(order)
    sys.argv = [path, *order["parameters"]]
    module = main_module(path, dbutils)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 (running it is the purpose)


def run_wheel(order: dict[str, Any], dbutils: DBUtils) -> None:
    """Call the entry point of a package: one that its metadata names, else a function of that
    name.
    """
    from importlib import import_module
    from importlib.metadata import PackageNotFoundError, distribution

    package, name = order["package_name"], order["entry_point"]
    use_folders(order)
    sys.argv = [os.path.basename(sys.argv[0]), *order["parameters"]]
    dbutils.serve_imports({})
    try:
        named = [each for each in distribution(package).entry_points if each.name == name]
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"The package {package!r} is not installed here. Install it into the environment that "
            f"runs the local workspace ({sys.executable})."
        ) from None
    if named:
        named[0].load()()
        return
    module = import_module(package.replace("-", "_"))
    if not hasattr(module, name):
        raise AttributeError(f"The package {package!r} has no entry point {name!r}.")
    getattr(module, name)()
