"""A workspace in a process of its own, and clients that others have written.

``tox -e clients`` installs each client at its newest version and runs these tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients import environments
from tests.clients.environments import NotInstallable
from tests.clients.support import WorkspaceProcess, serve_bundle

Install = Callable[..., Path]


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcess]:
    """The local workspace, with the jobs of the bundle beside this file."""
    with serve_bundle(tmp_path_factory.mktemp("workspace")) as workspace:
        yield workspace


@pytest.fixture(autouse=True)
def _empty_home(_clean_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty home folder, so that clients find no settings and leave none."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def install_from_pypi() -> Install:
    """A function that installs packages from PyPI and returns their interpreter."""
    return _or_skip(environments.install_from_pypi)


@pytest.fixture(scope="session")
def install_from_npm() -> Install:
    """A function that installs packages from npm and returns their folder."""
    return _or_skip(environments.install_from_npm)


def _or_skip(install: Install) -> Install:
    def install_or_skip(*packages: str) -> Path:
        try:
            return install(*packages)
        except NotInstallable as error:
            if "CI" in os.environ:
                raise
            pytest.skip(str(error))

    return install_or_skip
