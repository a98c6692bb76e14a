"""A workspace in a process of its own, and clients that nobody here has written.

``tox -e clients`` runs them: each has to be installed first, at its newest version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients import environments
from tests.clients.environments import NotInstallable
from tests.clients.support import ServedWorkspace, served

Install = Callable[..., Path]


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedWorkspace]:
    """The local workspace, with the jobs of the bundle beside this file."""
    with served(tmp_path_factory.mktemp("workspace")) as workspace:
        yield workspace


@pytest.fixture(autouse=True)
def _home_of_its_own(
    _no_settings_from_outside: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No client finds settings that somebody left at home, or leaves any there."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def python_with() -> Install:
    """Gives an interpreter with a client."""
    return _or_skip(environments.python_with)


@pytest.fixture(scope="session")
def node_with() -> Install:
    """Gives a folder with a client from npm."""
    return _or_skip(environments.node_with)


def _or_skip(install: Install) -> Install:
    def install_or_skip(*what: str) -> Path:
        try:
            return install(*what)
        except NotInstallable as error:
            if "CI" in os.environ:
                raise
            pytest.skip(str(error))

    return install_or_skip
