"""Details of a Git repository, read from its files, so that Git need not be installed."""

from __future__ import annotations

import configparser
from pathlib import Path


class GitRepository:
    """The repository that contains a folder. All its details are empty if there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def root(self) -> Path | None:
        """The top folder of the checkout, or ``None`` if there is no repository."""
        folders = (self._folder, *self._folder.parents)
        return next((each for each in folders if (each / ".git").exists()), None)

    def read(self, detail: str) -> str:
        """Return ``branch``, ``commit``, ``origin_url`` or ``bundle_root_path``."""
        root = self.root
        if root is None:
            return ""
        git = _git_folder(root)
        head = _read(git / "HEAD")
        reference = head.removeprefix("ref: ") if head.startswith("ref: ") else ""
        if detail == "branch":
            return reference.removeprefix("refs/heads/")
        if detail == "commit":
            return _read_commit(git, reference) if reference else head
        if detail == "origin_url":
            return _read_origin(git)
        if detail == "bundle_root_path":
            return self._folder.relative_to(root).as_posix()
        return ""


def _git_folder(root: Path) -> Path:
    # In a worktree, .git is a file that names the folder.
    elsewhere = _read(root / ".git").removeprefix("gitdir: ")
    return root / elsewhere if elsewhere else root / ".git"


def _common_folder(git: Path) -> Path:
    return git / _read(git / "commondir")  # the same one if there is no such file


def _read_commit(git: Path, reference: str) -> str:
    for folder in (git, _common_folder(git)):
        if commit := _read(folder / reference):
            return commit
    for line in _read(_common_folder(git) / "packed-refs").splitlines():
        if line.endswith(" " + reference):
            return line.partition(" ")[0]
    return ""


def _read_origin(git: Path) -> str:
    config = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        config.read_string(_read(_common_folder(git) / "config"))
    except configparser.Error:
        return ""
    return config.get('remote "origin"', "url", fallback=None) or ""


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
