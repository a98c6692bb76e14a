"""Shared fixtures: a workspace, a fault proxy, apps and real servers."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.local import Address, Workspace, load_bundle, stop_workspace
from flask_lakeflow_jobs.state import EXTENSION_KEY
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.clocks import FakeClock
from tests.compiled_code import share_compiled_code
from tests.postgres import PostgresServer, is_installed
from tests.shared_migration import share_migration
from tests.support import ALICE, BOB, BUNDLE, DEADLINE, LiveServer, RunGate

#: Examples may be slow on a busy machine.
settings.register_profile(
    "no-deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("few", settings.get_profile("no-deadline"), max_examples=10)
settings.load_profile("no-deadline")

share_compiled_code()
share_migration()

MakeApp = Callable[..., Flask]
Serve = Callable[[Flask], str]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use one worker more than there are cores: many tests wait for a process or for a response."""
    return 1 + (os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep thousands of collected tests out of all searches for garbage, which would take long."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no module without such a test for ``-m processes``: few of hundreds have one."""
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    if config.option.markexpr == "processes" and is_module:
        return "mark.processes" not in collection_path.read_text() or None
    return None


@pytest.fixture
def workspace_folder(tmp_path: Path) -> Iterator[Path]:
    """The folder of a workspace in a process of its own, which ends with the test."""
    yield tmp_path / "folder"
    stop_workspace(tmp_path / "folder")


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove settings and profiles of the machine that runs the tests."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Each workspace would compile the SDK for its tasks again.
        monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        for name in list(os.environ):
            if name.startswith(("DATABRICKS_", "LAKEFLOW_")) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        no_file = tmp_path_factory.getbasetemp() / "no-such-file"
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(no_file))
        yield


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The local workspace with the jobs of the bundle ``fast``."""
    with Workspace(BUNDLE, tmp_path_factory.mktemp("workspace")) as address:
        yield address


@pytest.fixture(scope="session")
def job_ids() -> Mapping[str, int]:
    """The ids of the bundle's jobs."""
    return {key: job.job_id for key, job in load_bundle(BUNDLE).jobs.items()}


@pytest.fixture
def fault_proxy(workspace: Address) -> Iterator[FaultyWorkspace]:
    """A proxy in front of the workspace that records requests and injects faults."""
    with FaultyWorkspace(workspace, tokens=[ALICE, BOB]) as fault_proxy:
        yield fault_proxy


@pytest.fixture
def make_app(
    fault_proxy: FaultyWorkspace, job_ids: Mapping[str, int], tmp_path: Path
) -> Iterator[MakeApp]:
    """A function that creates an app with the jobs of the bundle.

    Keywords in capitals are settings, other keywords are arguments of ``LakeflowJobs``.
    """
    numbers = itertools.count()
    made: list[Flask] = []

    def make(*, jobs: Mapping[str, Any] | None = None, **options: Any) -> Flask:
        config = {name: options.pop(name) for name in list(options) if name.isupper()}
        app = Flask("app", instance_path=str(tmp_path / f"instance-{next(numbers)}"))
        app.config.from_mapping(
            {
                "DATABRICKS_HOST": fault_proxy.host,
                "DATABRICKS_TOKEN": fault_proxy.token,
                "LAKEFLOW_JOBS_POLL_INTERVAL": 0.1,
                "LAKEFLOW_JOBS_WARM_UP": False,  # tests count requests
                **config,
            }
        )
        LakeflowJobs(app, jobs=_build_jobs(job_ids, jobs or {}), **options)
        made.append(app)
        return app

    yield make
    for app in made:
        if (record := app.extensions[EXTENSION_KEY].record) is not None:
            record.database.close()


def _build_jobs(job_ids: Mapping[str, int], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the jobs of the bundle and others. ``of`` names the job of the bundle."""
    jobs: dict[str, dict[str, Any]] = {
        "quick": {"of": "quick"},
        "never": {"of": "never", "task_type": "job"},
        "pipeline": {"of": "pipeline"},
        "failing": {"of": "failing"},
        "gated": {"of": "gated", "task_type": "job"},
        "single": {"of": "single", "task_type": "job"},
        "greeting": {"of": "greeting", "task_type": "job"},
        "script": {"of": "script", "task_type": "python_script"},
        "repeated": {"of": "repeated"},
        **more,
    }
    return {
        key: {"job_id": job_ids.get(job.get("of", ""))}
        | {name: value for name, value in job.items() if name != "of"}
        for key, job in jobs.items()
    }


@pytest.fixture
def stopped_clock() -> FakeClock:
    """A clock for an app that stands still, so that no poll is due.

    It is an hour ahead, so that runs seem old and are polled seldom.
    """
    return FakeClock(time.time() + 3600)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """The context of an app, in which ``current_jobs`` works."""
    with app.app_context():
        yield


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until a test moves it."""
    return FakeClock()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves an app over real HTTP and returns its address."""
    with ExitStack() as stack:

        def start(app: Flask) -> str:
            return stack.enter_context(LiveServer(app)).url

        yield start


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresServer]:
    """The Postgres server of all tests. Those that stop it use ``postgres_server``."""
    if not is_installed():
        pytest.skip("There is no Postgres server: apt-get install postgresql")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_server(postgres_cluster: PostgresServer) -> Iterator[PostgresServer]:
    """A Postgres server that the test may stop, kill or pause."""
    yield postgres_cluster
    postgres_cluster.resume()
    if not postgres_cluster.is_running:
        postgres_cluster.start()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The SQLAlchemy URL of an empty database of a real Postgres server."""
    return postgres_server.url(postgres_server.create_database())


@pytest.fixture
def run_gate(tmp_path: Path) -> Iterator[RunGate]:
    """A gate that holds the runs of the job ``gated``; it opens at the end of the test."""
    run_gate = RunGate(tmp_path / "gate")
    yield run_gate
    run_gate.open()


@pytest.fixture
def in_threads() -> Iterator[Callable[..., list[threading.Thread]]]:
    """A function that runs calls in threads. The test waits for them at its end."""
    started: list[threading.Thread] = []

    def start(*calls: Callable[[], object]) -> list[threading.Thread]:
        threads = [threading.Thread(target=call, daemon=True) for call in calls]
        for thread in threads:
            thread.start()
        started.extend(threads)
        return threads

    yield start
    for thread in started:
        thread.join(DEADLINE)
        assert not thread.is_alive(), "A call did not return."
