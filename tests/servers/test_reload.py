"""Servers that reload the app with open streams."""

from __future__ import annotations

import signal

import pytest
from docs_servers import SERVERS

from tests.servers.conftest import Site
from tests.streaming.servers import open_streams
from tests.support import wait_until

MOD_WSGI = next(row for row in SERVERS if row.name == "mod-wsgi")


@pytest.mark.parametrize("site", [MOD_WSGI], ids=[MOD_WSGI.name], indirect=True)
def test_graceful_restart_of_apache_ends_streams_in_order(site: Site, run_id: int) -> None:
    old = site.server.responding_worker()
    with open_streams(site.server, run_id, 6) as viewers:
        site.server.signal(signal.SIGUSR1)
        for viewer in viewers:
            assert list(viewer) == [], "the run has not ended"
            assert viewer.parser.retry not in (None, 2000), "the stream was cut"
    wait_until(lambda: site.server.responding_worker() not in (0, old), "a new process")
