"""A real Postgres server, which tests may stop, kill, pause and restart."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import DEADLINE, wait_until

if TYPE_CHECKING:
    import psycopg

#: Where Debian installs the server, which is not on the path.
DEBIAN_FOLDERS = "/usr/lib/postgresql/*/bin"

USER = "app"

PASSWORD = "first-password"

#: A server that loses its data with the machine, and starts fast.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
}


def find_executable(name: str) -> str | None:
    """Return the path of one of Postgres' programs, or ``None``."""
    pattern = Path(DEBIAN_FOLDERS)
    folders = sorted(Path("/").glob(str(pattern.relative_to("/"))), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    return shutil.which(name, path=path)


def is_installed() -> bool:
    """Return whether there is a server. In CI there has to be one."""
    return find_executable("initdb") is not None or bool(os.environ.get("CI"))


class PostgresServer:
    """A Postgres server with a cluster of its own in a temporary folder.

    :param settings: names and values of its configuration.
    """

    def __init__(self, settings: Mapping[str, str] = SETTINGS) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        # The server refuses to run as root.
        self._as_user: Mapping[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self._folder / "log"
        self._create_cluster()

    def _create_cluster(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        subprocess.run(
            [
                *(find_executable("initdb") or "initdb", "--pgdata", str(self._folder / "data")),
                *("--username", USER, "--pwfile", str(password_file), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as_user,
        )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, on the same port each time."""
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    find_executable("postgres") or "postgres",
                    *("-D", str(self._folder / "data"), "-p", str(self.port), *options),
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                **self._as_user,
            )
        wait_until(self._responds, "Postgres responding")

    def stop(self) -> None:
        """Stop the server at once, as a restart does. Committed data stays."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop the server as a crash would: it recovers at the next start."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(DEADLINE)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it accept connections, but not respond."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for process in [pid, *map(int, children)]:
            with suppress(ProcessLookupError):  # a connection that has just ended
                os.kill(process, number)

    def remove(self) -> None:
        """End the server, and delete its data."""
        self.resume()
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Open a connection to a database, as its administrator."""
        import psycopg  # only some environments have it

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def execute(self, statement: str, database: str = "postgres") -> None:
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def create_database(self) -> str:
        """Create an empty database, and return its name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return name

    def url(self, database: str, user: str = USER, password: str = PASSWORD) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def cut_connections(self, database: str) -> int:
        """End all connections to a database, and return how many there were."""
        with self.connect() as connection:
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database],
            ).fetchall()
        return len(rows)

    def _responds(self) -> bool:
        import psycopg

        if not self.is_running:
            raise AssertionError(f"Postgres has ended: {self._log.read_text()[-2000:]}")
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True
