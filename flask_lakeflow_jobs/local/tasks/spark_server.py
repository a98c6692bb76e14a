"""A Sail server of the workspace: one process, which serves Spark Connect."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..subprocesses import CHILD, POLL_SECONDS, Stopped, SupervisedProcess

#: The program that serves Spark, and its arguments.
SAIL_ARGUMENTS = (str(CHILD), "--sail")

_START_SECONDS = 60.0
_SETTINGS = {
    # Rows keep their order, and most files are whole, as where Spark reads and writes a small file.
    "SAIL_EXECUTION__BATCH_SIZE": "65536",
    "SAIL_EXECUTION__DEFAULT_PARALLELISM": "1",
    # A task may compute without Spark for long.
    "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(24 * 60 * 60),
}


class SparkUnavailable(RuntimeError):
    """The Sail server does not start. The message says why, and what to do."""


class SailServer:
    """A process that answers Spark Connect on the loopback interface.

    It ends with this process, also if that is killed.

    :param folder: keeps its log.
    :param catalogs: the names that tables may begin with; Sail cannot create them later. The first
        is the default one.
    :raises SparkUnavailable: the process ends, or does not answer in time.
    :raises Stopped: ``is_stopped`` returned true meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        catalogs: Iterable[str],
        environment: Mapping[str, str],
        is_stopped: Callable[[], bool],
    ) -> None:
        names = list(catalogs)
        listed = (f'{{type="memory",name="{each}",initial_database=["default"]}}' for each in names)
        settings = {
            "RUST_LOG": "warn",
            "SAIL_CATALOG__DEFAULT_CATALOG": names[0],
            "SAIL_CATALOG__LIST": f"[{','.join(listed)}]",
        }
        self._log = folder / "server.log"
        with open(self._log, "wb") as log:
            self._process = SupervisedProcess(
                SAIL_ARGUMENTS,
                cwd=folder,
                env={**_SETTINGS, **environment, **settings},
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            self._port = self._read_port(is_stopped)
        except BaseException:
            self.stop()
            raise

    @property
    def is_running(self) -> bool:
        """True while the process has not ended."""
        return self._process.poll() is None

    @property
    def address(self) -> str:
        """The address for ``SPARK_REMOTE``."""
        return f"sc://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill_all()
        if self._process.stdout is not None:
            self._process.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def _read_port(self, is_stopped: Callable[[], bool]) -> int:
        deadline = time.monotonic() + _START_SECONDS
        output = self._process.stdout
        while output is not None and time.monotonic() < deadline:
            if is_stopped():
                raise Stopped
            if select.select([output], [], [], POLL_SECONDS)[0]:
                with suppress(ValueError):  # it has ended
                    return int(output.readline())
                break
        raise SparkUnavailable(
            "The Sail server, which runs Spark in the local workspace, did not start. Its log: "
            f"{self._log}. Reinstall it with: pip install --force-reinstall pysail."
        )
