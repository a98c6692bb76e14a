"""The address of a served app."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import Serve


@pytest.fixture
def url(app: Flask, serve: Serve) -> Iterator[str]:
    """The jobs API of a running server; the test runs in the context of its app."""
    with app.app_context():
        yield serve(app) + "/api/jobs"
