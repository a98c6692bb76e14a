"""Real servers in front of a fake workspace."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.run_documents import JOB_ID
from tests.streaming.servers import Server
from tests.streaming.workspace import FakeWorkspace

StartServer = Callable[..., Server]

RUN_IDS = itertools.count(1001)


@pytest.fixture(scope="session")
def fake_workspace() -> Iterator[FakeWorkspace]:
    with FakeWorkspace() as workspace:
        yield workspace


@pytest.fixture
def run_id(fake_workspace: FakeWorkspace) -> int:
    """The id of an active run that no other test uses."""
    return fake_workspace.set_state(next(RUN_IDS))


def build_environment(fake_workspace: FakeWorkspace, **settings: str) -> dict[str, str]:
    """Return the environment of an app whose job is in the fake workspace."""
    return {
        "DATABRICKS_HOST": fake_workspace.host,
        "DATABRICKS_TOKEN": fake_workspace.token,
        "DATABRICKS_JOB_ETL": str(JOB_ID),
        "LAKEFLOW_JOBS_POLL_INTERVAL": "0.25",
        "LAKEFLOW_JOBS_HEARTBEAT": "0.2",
        **settings,
    }


@contextmanager
def server_starter(fake_workspace: FakeWorkspace, folder: Path) -> Iterator[StartServer]:
    numbers = itertools.count()
    with ExitStack() as stack:

        def start_server(command: Sequence[str], **settings: str) -> Server:
            environment = build_environment(fake_workspace, **settings)
            server_folder = folder / f"server-{next(numbers)}"
            return stack.enter_context(Server(server_folder, command, environment))

        yield start_server


@pytest.fixture
def start_server(fake_workspace: FakeWorkspace, tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that stop after the test. Keywords in capitals are settings of the app."""
    with server_starter(fake_workspace, tmp_path) as start_server:
        yield start_server


@pytest.fixture(scope="module")
def start_module_server(
    fake_workspace: FakeWorkspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartServer]:
    """Starts servers that stop after the last test of a module."""
    with server_starter(fake_workspace, tmp_path_factory.mktemp("servers")) as start_server:
        yield start_server
