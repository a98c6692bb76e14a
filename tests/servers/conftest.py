"""Every server and proxy of the matrix, started once for all tests of its row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest
from docs_servers import PROXIES, SERVERS, THREADS, ProxyRow, ServerRow

from tests.servers.commands import find, proxy_command, server_command
from tests.streaming.conftest import RUN_IDS, build_environment, fake_workspace, run_id
from tests.streaming.servers import Server, find_free_port
from tests.streaming.workspace import FakeWorkspace

__all__ = ["Site", "fake_workspace", "run_id"]

#: The server behind the proxies.
UPSTREAM = SERVERS[0]


@dataclass(frozen=True)
class Site:
    """A running row of the matrix.

    :param server: what viewers connect to.
    :param app: what runs the app: the same server, or the one behind the proxy.
    """

    row: ServerRow | ProxyRow
    server: Server
    app: Server

    @property
    def app_row(self) -> ServerRow:
        return self.row if isinstance(self.row, ServerRow) else UPSTREAM


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run all tests of a row in one process, which starts its servers once."""
    from xdist.scheduler import LoadScopeScheduling

    scheduling: Any = LoadScopeScheduling(config, log)
    scheduling._split_scope = lambda nodeid: nodeid.partition("[")[2]
    return scheduling


@pytest.fixture(
    scope="module",
    params=[pytest.param(row, id=row.name) for row in (*SERVERS, *PROXIES)],
)
def site(
    request: pytest.FixtureRequest,
    fake_workspace: FakeWorkspace,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    row = request.param
    skip_if_missing(row)
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(row.name)

        def start(row: ServerRow | ProxyRow, name: str, upstream: int = 0) -> tuple[Server, int]:
            port = find_free_port()
            server_folder = folder / name
            server_folder.mkdir()
            if isinstance(row, ProxyRow):
                command = proxy_command(row, server_folder, port, upstream)
                environment = {"HOME": str(server_folder)}  # where Caddy keeps its files
            else:
                command = server_command(row, THREADS, server_folder, port)
                settings = {"SITE_ADAPTER": row.adapter, **row.settings}
                environment = build_environment(fake_workspace, **settings)
            server = stack.enter_context(Server(server_folder, command, environment, port))
            return server, port

        if isinstance(row, ProxyRow):
            app, upstream = start(UPSTREAM, "app")
            server, _ = start(row, "proxy", upstream)
        else:
            server, _ = start(row, "app")
            app = server
        # Loads the SDK. On a busy machine, that takes longer than some servers hold a stream.
        app.get(app.run_path(fake_workspace.set_state(next(RUN_IDS))))
        yield Site(row, server, app)


def skip_if_missing(row: ServerRow | ProxyRow) -> None:
    """Skip a row whose server is not installed. In CI, it never is."""
    if os.environ.get("CI"):
        return
    if isinstance(row, ProxyRow):
        if find(row.executable) is None:
            pytest.skip(f"apt-get install {row.package}")
        return
    for package in row.packages:
        try:
            version(package)
        except PackageNotFoundError:
            pytest.skip(f"pip install {package}")
