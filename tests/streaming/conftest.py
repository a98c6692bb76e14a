"""Real servers in front of a workspace whose runs are in whatever state a test says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.run_documents import JOB_ID
from tests.streaming.servers import Server
from tests.streaming.workspace import StatedWorkspace

Start = Callable[..., Server]

RUN_IDS = itertools.count(1001)


@pytest.fixture(scope="session")
def stated() -> Iterator[StatedWorkspace]:
    with StatedWorkspace() as workspace:
        yield workspace


@pytest.fixture
def run_id(stated: StatedWorkspace) -> int:
    """A run of this test alone, which goes on."""
    return stated.state(next(RUN_IDS))


@contextmanager
def starting(stated: StatedWorkspace, folder: Path) -> Iterator[Start]:
    numbers = itertools.count()
    with ExitStack() as stack:

        def start(command: Sequence[str], **settings: str) -> Server:
            environment = {
                "DATABRICKS_HOST": stated.host,
                "DATABRICKS_TOKEN": stated.token,
                "DATABRICKS_JOB_ETL": str(JOB_ID),
                "LAKEFLOW_JOBS_POLL_INTERVAL": "0.25",
                "LAKEFLOW_JOBS_HEARTBEAT": "0.2",
                **settings,
            }
            place = folder / f"server-{next(numbers)}"
            return stack.enter_context(Server(place, command, environment))

        yield start


@pytest.fixture
def start(stated: StatedWorkspace, tmp_path: Path) -> Iterator[Start]:
    """Starts servers that end with the test; keywords in capitals are settings of the app."""
    with starting(stated, tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_for_all(
    stated: StatedWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """The same for servers that end with the last test of a module."""
    with starting(stated, tmp_path_factory.mktemp("servers")) as start:
        yield start
