"""The bundles of other people: which ones, and where their files come from."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

MODELS = Path(__file__).parent / "models"
_LIST = Path(__file__).parent / "bundles.yml"
_SECONDS = 60.0


class NotFetched(Exception):
    """A repository that is neither in the folder of clones nor to be had from its host."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A bundle of the list.

    :param repository: owner and name on GitHub.
    :param folder: of the bundle, in the repository.
    :param variables: values of the bundle's variables.
    """

    repository: str
    commit: str
    folder: str
    target: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A name for tables and tests."""
        return f"{self.repository}/{self.folder}".removesuffix("/.")


def read_list() -> Iterator[Listed]:
    """Yield the bundles of the list."""
    repositories: dict[str, Any] = yaml.safe_load(_LIST.read_text())
    for repository, content in repositories.items():
        for folder, options in content["bundles"].items():
            yield Listed(repository, content["commit"], folder, **(options or {}))


def extract(repository: str, commit: str, into: Path) -> None:
    """Write the files of a commit to a folder.

    The environment variable PUBLIC_BUNDLES names a folder of clones, each as ``owner/name`` or
    ``owner+name``, with or without a work tree. Without it, the commit is fetched from GitHub.

    :raises NotFetched: it cannot be had.
    """
    try:
        if clones := os.environ.get("PUBLIC_BUNDLES"):
            archive = _git(_find_clone(Path(clones), repository), "archive", commit)
        else:
            clone = into.with_name(f"{into.name}.git")
            address = f"https://github.com/{repository}"
            _git(Path.cwd(), "init", "--quiet", "--bare", str(clone))
            _git(clone, "fetch", "--quiet", "--depth", "1", address, commit)
            archive = _git(clone, "archive", commit)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFetched(f"{repository} cannot be fetched: {error}") from None
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(into, filter="data")
    (into / ".git").mkdir()  # as in a clone: paths of authors may begin at the repository


def _find_clone(clones: Path, repository: str) -> Path:
    for name in (repository, repository.replace("/", "+")):
        for folder in (clones / name, clones / name / "repo"):
            if (folder / ".git").exists() or (folder / "HEAD").exists():
                return folder
    raise FileNotFoundError(f"{clones} has no clone of it")


def _git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607 (that of the machine)
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        timeout=_SECONDS,
    ).stdout
