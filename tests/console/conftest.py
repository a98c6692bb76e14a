"""A workspace with the jobs of the shop, and apps in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs.local import Address, Workspace
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.console.support import BUNDLE, shop_app

MakeShop = Callable[..., Flask]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The local workspace, with the jobs of the bundle ``shop``."""
    with Workspace(BUNDLE, tmp_path_factory.mktemp("shop")) as address:
        yield address


@pytest.fixture
def fault_proxy(shop: Address) -> Iterator[FaultyWorkspace]:
    """A proxy in front of the workspace that records requests and injects faults."""
    with FaultyWorkspace(shop) as proxy:
        yield proxy


@pytest.fixture
def make_shop(shop: Address, tmp_path: Path) -> MakeShop:
    """Makes an app with the console; as for ``shop_app``."""

    def make(**given: Any) -> Flask:
        return shop_app(shop, tmp_path / "instance", **given)

    return make


@pytest.fixture
def app(make_shop: MakeShop) -> Flask:
    return make_shop()
