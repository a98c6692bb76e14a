"""What a Git checkout tells of itself, read from its files: Git need not be installed."""

from __future__ import annotations

import configparser
from pathlib import Path


class GitRepository:
    """The checkout in which a folder lies; all its details are empty where there is none.

    :param folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def root(self) -> Path | None:
        """The folder that holds the whole checkout."""
        above = (self._folder, *self._folder.parents)
        return next((each for each in above if (each / ".git").exists()), None)

    def detail(self, name: str) -> str:
        """``branch``, ``commit``, ``origin_url`` or ``bundle_root_path``; else nothing."""
        top = self.root
        if top is None:
            return ""
        git = _git_folder(top)
        head = _read(git / "HEAD")
        reference = head.removeprefix("ref: ") if head.startswith("ref: ") else ""
        if name == "branch":
            return reference.removeprefix("refs/heads/")
        if name == "commit":
            return _commit_of(git, reference) if reference else head
        if name == "origin_url":
            return _origin_of(git)
        if name == "bundle_root_path":
            return self._folder.relative_to(top).as_posix()
        return ""


def _git_folder(top: Path) -> Path:
    """The folder of a checkout that Git keeps for itself; a worktree has it elsewhere."""
    elsewhere = _read(top / ".git").removeprefix("gitdir: ")
    return top / elsewhere if elsewhere else top / ".git"


def _shared_folder(git: Path) -> Path:
    shared = _read(git / "commondir")
    return git / shared if shared else git


def _commit_of(git: Path, reference: str) -> str:
    for folder in (git, _shared_folder(git)):
        if commit := _read(folder / reference):
            return commit
    for line in _read(_shared_folder(git) / "packed-refs").splitlines():
        if line.endswith(" " + reference):
            return line.partition(" ")[0]
    return ""


def _origin_of(git: Path) -> str:
    config = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        config.read_string(_read(_shared_folder(git) / "config"))
    except configparser.Error:
        return ""
    return config.get('remote "origin"', "url", fallback=None) or ""


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
