"""The tree of workspace files: notebooks, files and folders, with the files of the bundle."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..task_process import notebook_files
from .volume_folder import Folder, Parts, join_path, parse_path

_ROOT = "Workspace"  # the first part of a path, which may be left out


@dataclass(frozen=True, slots=True)
class Node:
    """A notebook, a file or a folder.

    :param parts: its path, without ``/Workspace``.
    :param kind: ``NOTEBOOK``, ``FILE`` or ``DIRECTORY``.
    :param file: on this machine. A folder that only leads to those of the bundle does not exist.
    """

    parts: Parts
    kind: str
    file: Path

    @property
    def object_id(self) -> int:
        """A number that stays the same. The name of a file may be no UTF-8."""
        digest = hashlib.sha256(join_path(self.parts).encode(errors="surrogateescape")).digest()
        return int.from_bytes(digest[:6], "big") + 1


class NotEmpty(OSError):
    """A folder that is not empty."""


class OfBundle(PermissionError):
    """A change of a file that belongs to the bundle."""


class SameFile(FileExistsError):
    """A notebook and a file that would be one file of this machine, as ``x`` and ``x.py``."""


def parse_workspace_path(path: str | None) -> Parts:
    """Split a path of a workspace file, with or without ``/Workspace``."""
    parts = parse_path(path)
    return parts[1:] if parts[:1] == (_ROOT,) else parts


class WorkspaceTree:
    """Workspace files: those that clients have written, over those of the bundle.

    The bundle's files are read where they are, under the path at which a deployment would put
    them. They cannot be changed; writing the same content again, as a deployment does, succeeds.

    :param folder: keeps the files that clients have written.
    :param bundle: returns the path of the bundle's files in the workspace, and their folder.
    """

    def __init__(self, folder: Folder, bundle: Callable[[], tuple[Parts, Path]]) -> None:
        self.folder = folder
        self._bundle = bundle

    def parse(self, path: str | None) -> Parts:
        """Split a path. Paths in parameters of a task, those of this machine, are known too."""
        mount, root = self._bundle()
        text = self.folder.strip(path or "")
        if text == path and f"{path}/".startswith(f"{root}/"):
            return (*mount, *parse_path(text[len(str(root)) :] or "/"))
        return parse_workspace_path(text)

    def find(self, parts: Parts) -> Node:
        """Return what is at a path.

        :raises FileNotFoundError: there is nothing.
        """
        for folder, inner in self._places(parts):
            if (node := _find(folder, parts, inner)) is not None:
                return node
        if not parts or self._mount()[: len(parts)] == parts:
            return Node(parts, "DIRECTORY", self.folder.path.joinpath(*parts))
        raise FileNotFoundError(join_path(parts))

    def children(self, parts: Parts) -> list[Node]:
        """Return what is in a folder, in the order of the names."""
        found: dict[Parts, Node] = {}
        for folder, inner in self._places(parts):
            if folder.locate(inner).is_dir():
                for name in folder.names(inner):
                    node = _classify(folder, (*parts, name), (*inner, name))
                    if node is not None:
                        found.setdefault(node.parts, node)
        mount = self._mount()
        if mount[: len(parts)] == parts and len(mount) > len(parts):
            below = mount[: len(parts) + 1]
            found.setdefault(below, Node(below, "DIRECTORY", self.folder.path.joinpath(*below)))
        return [found[key] for key in sorted(found)]

    def make(self, parts: Parts) -> None:
        """Create a folder and its parents.

        :raises FileExistsError: one of them is a file or a notebook.
        """
        for end in range(1, len(parts) + 1):
            if self._kind(parts[:end]) not in ("DIRECTORY", None):
                raise FileExistsError(join_path(parts[:end]))
        self.folder.make(parts)

    def write(self, parts: Parts, content: Iterable[bytes], *, overwrite: bool) -> None:
        """Write a file as it is.

        :raises FileNotFoundError: its folder does not exist.
        :raises FileExistsError: the path exists, and is not to be overwritten or no file.
        """
        self._check_parent(parts)
        node = self._find_replaced(parts, "FILE", overwrite=overwrite)
        self._write(parts, content, node, overwrite=overwrite)

    def write_notebook(self, parts: Parts, suffix: str, content: bytes, *, overwrite: bool) -> None:
        """Write a notebook; see :meth:`write` for its errors.

        :param parts: its path, without the suffix of its file.
        """
        self._check_parent(parts)
        node = self._find_replaced(parts, "NOTEBOOK", overwrite=overwrite)
        own = (*parts[:-1], parts[-1] + suffix)
        if self._kind(own) not in (None, "NOTEBOOK"):
            raise SameFile(join_path(own))
        self._write(own, [content], node, overwrite=overwrite)
        for other in notebook_files.SUFFIXES:
            sibling = (*parts[:-1], parts[-1] + other)
            if other != suffix and notebook_files.is_notebook_file(self.folder.locate(sibling)):
                self.folder.remove(sibling, recursive=False)

    def remove(self, parts: Parts, *, recursive: bool) -> None:
        """Remove what is at a path. The files of the bundle stay.

        :raises FileNotFoundError: there is nothing.
        :raises NotEmpty: a folder is not empty, and ``recursive`` is false.
        """
        node = self.find(parts)
        if node.kind == "DIRECTORY":
            if not recursive and self.children(parts):
                raise NotEmpty(join_path(parts))
            if self.folder.locate(parts).is_dir():
                self.folder.remove(parts, recursive=recursive)
            return
        if not node.file.is_relative_to(self.folder.path):
            raise OfBundle(str(node.file))
        self.folder.remove((*parts[:-1], node.file.name), recursive=False)

    def _find_replaced(self, parts: Parts, kind: str, *, overwrite: bool) -> Node | None:
        """Return what a write of this kind replaces, if it may."""
        try:
            node = self.find(parts)
        except FileNotFoundError:
            return None
        if node.parts != parts:
            raise SameFile(join_path(node.parts))
        if node.kind != kind or not overwrite:
            raise FileExistsError(join_path(parts))
        return node

    def _kind(self, parts: Parts) -> str | None:
        try:
            return self.find(parts).kind
        except FileNotFoundError:
            return None

    def _check_parent(self, parts: Parts) -> None:
        if not parts:
            raise FileExistsError("/")
        if self._kind(parts[:-1]) != "DIRECTORY":
            raise FileNotFoundError(join_path(parts[:-1]))

    def _write(
        self, parts: Parts, content: Iterable[bytes], node: Node | None, *, overwrite: bool
    ) -> None:
        """Write a file of this machine, unless the bundle has the same one there.

        :param node: which it replaces.
        """
        if node is None or node.file.is_relative_to(self.folder.path):
            self.folder.make(parts[:-1])  # its folder may be one of the bundle
            self.folder.write(parts, content, overwrite=overwrite)
        elif node.file.name != parts[-1] or not _has_content(node.file, content):
            raise OfBundle(str(node.file))

    def _mount(self) -> Parts:
        return self._bundle()[0]

    def _places(self, parts: Parts) -> list[tuple[Folder, Parts]]:
        """Return the folders that may have a path, with the path in each of them."""
        mount, own = self._mount(), (self.folder, parts)
        if parts[: len(mount)] != mount:
            return [own]
        return [(Folder(self._bundle()[1], self.folder.path), parts[len(mount) :]), own]


def _find(folder: Folder, parts: Parts, inner: Parts) -> Node | None:
    file = folder.locate(inner)
    if file.is_dir():
        return Node(parts, "DIRECTORY", file)
    node = _to_node(parts, file) if file.is_file() else None
    if node is not None and node.kind == "FILE":
        return node
    for suffix in (*notebook_files.SUFFIXES, ".R") if inner else ():
        candidate = folder.locate((*inner[:-1], inner[-1] + suffix))
        if notebook_files.is_notebook_file(candidate):
            return Node(parts, "NOTEBOOK", candidate)
    return node  # a notebook, by the name of its file


def _classify(folder: Folder, parts: Parts, inner: Parts) -> Node | None:
    """Return the node of a file of this machine; ``None`` for what leads out of the folder."""
    try:
        file = folder.locate(inner)
    except PermissionError:
        return None
    if file.is_dir():
        return Node(parts, "DIRECTORY", file)
    return _to_node(parts, file) if file.is_file() else None


def _to_node(parts: Parts, file: Path) -> Node:
    if notebook_files.is_notebook_file(file):
        return Node((*parts[:-1], os.path.splitext(parts[-1])[0]), "NOTEBOOK", file)
    return Node(parts, "FILE", file)


def _has_content(file: Path, content: Iterable[bytes]) -> bool:
    with open(file, "rb") as opened:
        return all(opened.read(len(chunk)) == chunk for chunk in content) and not opened.read(1)
