"""Paths of the workspace, such as ``/Volumes/main/raw/in/day.csv``, and the files they stand for.

On a cluster these are paths of the machine. Here they stand for other folders, so the functions of
``os`` and ``io``, with which Python code opens files, translate them first.
"""

from __future__ import annotations

import _io
import builtins
import io
import os
import re
import sys
from functools import wraps

from .import_hooks import change_when_loaded
from .samples import serve_samples

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from typing import Any

_HOMES = ("/Workspace/Users", "/Workspace/Shared", "/Workspace/Repos")
_ROOTS = ("/Volumes", "/Workspace", "/dbfs", "dbfs:/", "/databricks-datasets")
# Without /Workspace, these are also folders of some machines. So only the bundle's own are taken.
_SHORT_ROOTS = ("/Users", "/Repos", "/Shared")
# Spark takes them for folders of DBFS. On this machine, the first may be a disk.
_DBFS_FOLDERS = ("/mnt/", "/FileStore/")
# Functions of os that take one path, or two.
_ONE_PATH = ["access", "chdir", "chmod", "chown", "getxattr", "listdir", "listxattr", "lstat"]
_ONE_PATH += ["mkdir", "open", "readlink", "remove", "rmdir", "setxattr", "stat", "statvfs"]
_ONE_PATH += ["truncate", "unlink", "utime"]
_TWO_PATHS = ("link", "rename", "replace", "symlink")
_SUPPORT = ("dir_fd", "effective_ids", "fd", "follow_symlinks")
_IN_SQL = (
    r"(?:(?<=['\"`])(?:dbfs:/|/Volumes/|/dbfs/|/databricks-datasets/|/mnt/|/FileStore/)"
    r"|(?:(?<=`)|(?<=FROM ['\"])|(?<=LOCATION ['\"]))file:/)"  # elsewhere, it may be any text
    r"[^'\"`]*(?=['\"`])"
)
# Up to what a shell puts in place of a part, such as $day or *.csv.
_IN_COMMAND = r"(?<![\w./$}-])/(?:Volumes|Workspace|dbfs)(?![\w.-])[^\s'\"`;|&<>(){}$*?\[\]]*"
_installed: list[WorkspacePaths] = []  # those of this process
_stat = os.stat  # before it translates paths


def to_local_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of the workspace, with or without ``/Workspace``; keep any other path."""
    normalized = os.path.normpath(path)
    for mount, folder in mounts.items():
        for prefix in (mount, mount.removeprefix("/Workspace")):
            if normalized == prefix or normalized.startswith(prefix + "/"):
                local = folder + normalized[len(prefix) :]
                copy = _find_copy(normalized, local, mounts) if mount in _HOMES else local
                # /Users/me may as well be a folder of this machine.
                is_unclear = copy == local and prefix != mount and prefix.count("/") == 1
                if not is_unclear or os.path.isdir(os.path.dirname(local)):
                    return copy
    return path


def create_volume(path: str, mounts: dict[str, str]) -> None:
    """Create the volume of a path of the workspace, as if it were deployed."""
    _, root, *parts = os.path.normpath(path).split("/")
    if root == "Volumes" and len(parts) >= 3:
        os.makedirs(os.path.join(mounts["/Volumes"], *parts[:3]), exist_ok=True)


def _find_copy(path: str, local: str, mounts: dict[str, str]) -> str:
    """Return the file of the bundle, if a path leads to the author's copy of it, else ``local``.

    The copy is a deployment, or a Git folder of the name that the folder of the bundle has, or the
    repository around it. Only what exists is found, so that other files are written where they
    belong.
    """
    if os.path.exists(local):
        return local
    _, home, *parts = path.removeprefix("/Workspace").split("/")
    parts = parts[home != "Shared" :]
    deployed = [each for each in mounts if each.startswith("/Workspace/") and each not in _HOMES]
    for root in (mounts[each] for each in deployed):
        if parts[:1] == [".bundle"] and parts[3:4] == ["files"]:
            copies = [os.path.join(root, *parts[4:])]
        else:
            folders = [root, _find_repository(root)]
            copies = [
                os.path.join(x, *parts[1:]) for x in folders if parts[:1] == [os.path.basename(x)]
            ]
        for copy in filter(os.path.exists, copies):
            return copy
    return local


def _find_repository(folder: str) -> str:
    """Return the folder of the repository around a folder; an empty text if there is none."""
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return ""
    return folder


def to_workspace_path(path: str, mounts: dict[str, str]) -> str:
    """Translate a path of this machine to one of the workspace, without ``/Workspace``."""
    for mount, folder in mounts.items():
        if path.startswith(folder + "/"):
            return mount.removeprefix("/Workspace") + path[len(folder) :]
    return path


def to_address(path: str, mounts: dict[str, str]) -> str:
    """Return the address of a file of a volume or of DBFS, as Spark and ``dbutils.fs`` write it.

    :return: such as ``dbfs:/Volumes/main/raw/in/a.csv``; for any other file, its path.
    """
    for mount, folder in mounts.items():
        if path.startswith(f"{folder}/") and not mount.startswith("/Workspace/"):
            return f"dbfs:{mount.removeprefix('/dbfs')}{path[len(folder) :]}"
    return path


def localize_sql(statement: str) -> str:
    """Translate the paths in a statement, in a task."""
    return _installed[-1].translate_sql(statement) if _installed else statement


def find_address(file: str) -> str:
    """Return the address of a file as Spark writes it on Databricks, in a task."""
    return to_address(file, _installed[-1]._mounts) if _installed else file


def drop_scheme(path: str) -> str:
    """Return a path without ``file:``, as in ``file:/a`` or ``file:///a``."""
    return "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:/") else path


def is_in_dbfs(path: str) -> bool:
    """Return whether a path without ``dbfs:`` leads to DBFS all the same."""
    return path.startswith(_DBFS_FOLDERS) and not _exists("/".join(path.split("/")[:3]))


class WorkspacePaths:
    """Translates paths of the workspace.

    :param mounts: folders of this machine by their paths in the workspace.
    """

    def __init__(self, mounts: dict[str, str]) -> None:
        self._mounts = mounts
        self._deployed = {key: each for key, each in mounts.items() if key.count("/") > 2}

    def translate(self, path: Any) -> Any:
        """Return the path of this machine; any other object or path as it is."""
        try:
            text = os.fspath(path)
        except TypeError:  # an open file, for example
            return path
        if not isinstance(text, str):
            return path
        if text.startswith("//"):  # as in "/${workspace.file_path}/conf"
            text = "/" + text.lstrip("/")
        local = text
        if is_in_dbfs(text):
            local = to_local_path(f"/dbfs{text}", self._mounts)
        elif text.startswith(_ROOTS):
            name = _spell_out_dbfs(text)
            inner = text.removeprefix("dbfs:").removeprefix("/dbfs")
            if any(inner.startswith(f"{folder}/") for folder in self._mounts.values()):
                return inner  # code has put it behind a parameter, which is translated already
            create_volume(name, self._mounts)
            local = to_local_path(name, self._mounts)
            if "/databricks-datasets/" in name:
                serve_samples(name, self._mounts)
        elif text.startswith(_SHORT_ROOTS):
            local = to_local_path(text, self._deployed)
        return path if local == text else local

    def translate_uri(self, path: Any) -> Any:
        """Translate a path that Spark gets, or several: of ``file:/a``, Sail would read nothing."""
        if isinstance(path, (list, tuple)):  # csv(), json() and others make a list of one path
            return [*map(self.translate_uri, path)]
        return self.translate(drop_scheme(path) if isinstance(path, str) else path)

    def translate_sql(self, statement: str) -> str:
        """Translate the paths in the texts and quoted names of a statement."""

        def translate(match: re.Match[str]) -> str:
            local = str(self.translate_uri(match[0]))
            is_cut = match[0].endswith("/") and not local.endswith("/")  # as in '/Volumes/a/' || b
            return f"{local}/" if is_cut else local

        return re.sub(_IN_SQL, translate, statement, flags=re.IGNORECASE)

    def translate_command(self, command: Any) -> Any:
        """Translate the paths in a command of a shell, or in a list of arguments."""
        if isinstance(command, (list, tuple)):
            return [*map(self.translate_command, command)]
        if not isinstance(command, str):
            return self.translate(command)

        def translate(match: re.Match[str]) -> str:
            return str(self.translate(match[0])) + "/" * match[0].endswith("/")

        return re.sub(_IN_COMMAND, translate, command)

    def install(self) -> None:
        """Let Python's file operations, and commands of a shell, take paths of the workspace."""
        _installed.append(self)
        builtins.open = io.open = self._wrap(io.open)
        # Python loads a module with the second one.
        io.open_code = _io.open_code = self._wrap(_io.open_code)
        for name in filter(os.__dict__.__contains__, _ONE_PATH):  # some only exist on Linux
            setattr(os, name, self._wrap(getattr(os, name)))
        os.scandir = self._wrap(os.scandir, _Entries)
        for name in _TWO_PATHS:
            setattr(os, name, self._wrap_both(getattr(os, name)))
        sys.path_hooks.insert(0, self._find_importer)
        system = os.system
        os.system = _replace(system, lambda command: system(self.translate_command(command)))
        change_when_loaded({"subprocess": self._change_popen})

    def _change_popen(self, module: types.ModuleType) -> None:
        initialize = module.Popen.__init__

        @wraps(initialize)
        def initialize_translated(process: Any, args: Any, *more: Any, **named: Any) -> None:
            if "cwd" in named:
                named["cwd"] = self.translate(named["cwd"])
            initialize(process, self.translate_command(args), *more, **named)

        module.Popen.__init__ = initialize_translated

    def _find_importer(self, folder: str) -> Any:
        """Return the importer of a folder on the import path."""
        if (local := self.translate(folder)) == folder:
            raise ImportError
        return sys.path_hooks[-1](local)

    def _wrap(self, function: Callable[..., Any], adapt: Callable[..., Any] | None = None) -> Any:
        """Return a function that translates its path.

        :param adapt: returns what takes the place of a result, given it and the path.
        """

        def call(*arguments: Any, **named: Any) -> Any:
            name = "file" if "file" in named else "path"  # open() calls its path "file"
            path = arguments[0] if arguments else named.get(name)
            local = self.translate(path)
            if arguments:
                arguments = (local, *arguments[1:])
            elif name in named:
                named[name] = local
            try:
                result = function(*arguments, **named)
                return result if adapt is None or local is path else adapt(result, path)
            except OSError as error:
                if error.filename is local:
                    error.filename = path  # as the code knows it
                raise

        return _replace(function, call)

    def _wrap_both(self, function: Callable[..., Any]) -> Any:
        def call(src: Any, dst: Any, *more: Any, **named: Any) -> Any:
            try:
                return function(self.translate(src), self.translate(dst), *more, **named)
            except OSError as error:
                error.filename, error.filename2 = src, dst  # as the code knows them
                raise

        return _replace(function, call)


class _Entries:
    """The entries of a folder, as ``os.scandir`` returns them, with paths of the workspace."""

    def __init__(self, entries: Any, folder: Any) -> None:
        self._entries = entries
        self._folder = folder
        self.close = entries.close

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._entries), self._folder)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Entry:
    def __init__(self, entry: os.DirEntry[str], folder: Any) -> None:
        self._entry = entry
        self.path = os.path.join(folder, entry.name)

    def __fspath__(self) -> str:
        return self.path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)


def _exists(path: str) -> bool:
    try:
        _stat(path)
    except OSError:
        return False
    return True


def _spell_out_dbfs(path: str) -> str:
    """Return a path of DBFS as one of the machine."""
    if not path.startswith("dbfs:"):
        return path
    name = "/" + path.removeprefix("dbfs:").lstrip("/")
    return name if name.startswith("/Volumes/") else "/dbfs" + name


def _replace(function: Any, call: Any) -> Any:
    """Return what takes the place of a built-in function.

    A built-in function in a class does not become a method of it, and ``pathlib`` of Python 3.10
    keeps some in classes. So what takes its place is a static method.
    """
    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = function.__doc__
    replacement = staticmethod(call)
    for each in _SUPPORT:  # modules such as shutil ask what a function of os can do
        known = getattr(os, f"supports_{each}")
        if function in known:
            known.add(replacement)
    return replacement
