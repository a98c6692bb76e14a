"""A real Redis server, which tests may stop, kill and restart."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.streaming.conftest import fake_workspace, run_id, start_server
from tests.support import DEADLINE, wait_until

__all__ = ["RedisServer", "fake_workspace", "redis_server", "run_id", "start_server"]

EXECUTABLE = shutil.which("redis-server")


class RedisServer:
    """A Redis server that stores nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self._port}/0"

    @property
    def config(self) -> dict[str, Any]:
        """A value of ``LAKEFLOW_JOBS_CACHE``."""
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": self.url}

    def start(self) -> None:
        """Start it empty, on the same port each time."""
        self._process = subprocess.Popen(
            [EXECUTABLE or "", "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._responds, "Redis responding")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE)

    def hang(self) -> None:
        """Let it accept connections, but not respond."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def contents(self) -> dict[str, bytes]:
        """All entries, as they are stored."""
        with self.client() as client:
            names: Any = client.keys("*")
            contents: dict[str, Any] = {name.decode(): client.get(name) for name in names}
            return {name: value for name, value in contents.items() if value is not None}

    def _responds(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if EXECUTABLE is None and not os.environ.get("CI"):
        pytest.skip("There is no redis-server: apt-get install redis-server")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.resume()
    server.kill()
