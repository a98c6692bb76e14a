"""Runs a Python file."""

from __future__ import annotations

import builtins
import os
import sys
import types
from contextlib import suppress

from .project_metadata import ProjectFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils


def create_main_module(path: str, dbutils: DBUtils) -> types.ModuleType:
    """Replace ``__main__`` by an empty module, so that pickling and multiprocessing find it."""
    module = types.ModuleType("__main__")
    module.__file__ = path
    # Code calls __builtins__.sum where sum is that of pyspark.sql.functions.
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    dbutils.serve_imports(module.__dict__)
    module.__dict__.update(dbutils.notebook_names())
    return module


def extend_import_path(payload: dict[str, Any], *folders: str) -> None:
    """Add folders, the code's own and the task's libraries, and at the end the bundle's root.

    The standard library is before them: on Databricks, a file ``logging.py`` beside the code does
    not replace it either.
    """
    libraries = [
        _unpack(each, payload["wheels"]) if each.endswith(".whl") else each
        for each in payload["libraries"]
    ]
    modules = os.path.dirname(os.__file__)
    standard = [each for each in sys.path if each in (modules, f"{modules}/lib-dynload")]
    others = [each for each in sys.path if each not in standard]
    sys.path[:] = [*standard, *folders, payload["folder"], *libraries, *others]
    sys.meta_path.append(ProjectFinder(libraries))
    # A Python that the code starts has the libraries too, as on a cluster.
    inherited = filter(None, [os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join([*libraries, *inherited])
    if payload["root"] not in sys.path:
        sys.path.append(payload["root"])


def _unpack(wheel: str, folder: str) -> str:
    """Return the folder with the files of a built wheel: modules may read those beside them.

    It stays for later tasks, as the bytecode does that Python keeps of it.
    """
    import shutil
    import tempfile
    import zipfile

    status = os.stat(wheel)
    version = f"{status.st_size}-{status.st_mtime_ns}"
    target = os.path.join(folder, f"{os.path.basename(wheel)}-{version}")
    if os.path.isdir(target):
        return target
    os.makedirs(folder, exist_ok=True)
    unpacked = tempfile.mkdtemp(dir=folder)
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        with suppress(OSError):  # another task was faster
            os.rename(unpacked, target)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{wheel} is no wheel: {error}. Build it again.") from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return target


def run_script(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Run ``path`` as ``python path parameters…`` does."""
    path = payload["path"]
    extend_import_path(payload)
    sys.argv = [path, *payload["parameters"]]
    module = create_main_module(path, dbutils)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102 (running it is the purpose)
