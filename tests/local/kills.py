"""Kills of the local workspace while clients start runs."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from flask_lakeflow_jobs.local import Address, ensure_workspace, load_bundle
from flask_lakeflow_jobs.local.folder import WorkspaceFolder
from tests.local.support import ENDED, Client, is_running, state_fields
from tests.support import DEADLINE, wait_until

KILLS = int(os.environ.get("LAKEFLOW_KILLS", "5"))

#: Inherited by the workspace, its Sail server, its tasks and their children.
MARK = "LINEAGE_OF_KILLS"


def kill(address: Address, folder: Path) -> None:
    os.kill(address.pid, signal.SIGKILL)
    wait_until(lambda: not WorkspaceFolder(folder).is_served(), "the end of the workspace")


def client_of(address: Address, bundle: Path) -> Client:
    return Client(address, {key: job.job_id for key, job in load_bundle(bundle).jobs.items()})


class Load:
    """A client that starts, cancels and deletes runs until the workspace dies.

    :ivar acknowledged: the tokens of the runs that it started, by run id.
    :ivar doubtful: the runs whose deletion was not acknowledged.
    """

    def __init__(self, client: Client, seed: int, keys: Sequence[str]) -> None:
        self._client = client
        self._keys = keys
        self._random = random.Random(seed)
        self.acknowledged: dict[int, str] = {}
        self.deleted: set[int] = set()
        self.doubtful: set[int] = set()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        host = self._client.address.host.removeprefix("http://")
        connection = HTTPConnection(host, timeout=DEADLINE)
        try:
            while True:
                key = self._random.choice(self._keys)
                token = uuid.uuid4().hex
                body = {"job_id": self._client.job_ids[key], "idempotency_token": token}
                run_id = self._post(connection, "run-now", body)["run_id"]
                self.acknowledged[run_id] = token
                if self._random.random() < 0.3:
                    victim = self._random.choice(list(self.acknowledged))
                    self._post(connection, "runs/cancel", {"run_id": victim})
                if self._random.random() < 0.1:
                    victim = self._random.choice(list(self.acknowledged))
                    self.doubtful.add(victim)
                    if self._post(connection, "runs/delete", {"run_id": victim}) == {}:
                        self.deleted.add(victim)
                        del self.acknowledged[victim]
                    self.doubtful.discard(victim)
        except (OSError, HTTPException):
            return
        finally:
            connection.close()

    def _post(self, connection: HTTPConnection, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._client.address.token}"}
        connection.request("POST", f"/api/2.2/jobs/{path}", json.dumps(body), headers)
        return json.loads(connection.getresponse().read())


def kill_repeatedly(
    folder: Path,
    bundle: Path,
    keys: Sequence[str],
    *,
    seed: int,
    seconds: tuple[float, float],
    mark: str = "",
    command: str = "",
    min_runs: int = 0,
) -> tuple[list[Load], list[str]]:
    """Kill the workspace, again and again, while two clients use it.

    Return the clients, and the commands of the marked processes at each kill.

    :param keys: the jobs that the clients start.
    :param seconds: the shortest and the longest time until a kill.
    :param mark: of the processes that must have ended before the workspace starts again.
    :param command: a part of one that runs at the first kill.
    :param min_runs: acknowledged runs before the last kill.
    """
    chance = random.Random(seed)
    loads: list[Load] = []
    commands: list[str] = []
    for number in range(KILLS):
        client = client_of(ensure_workspace(folder, bundle), bundle)
        loads.extend(Load(client, 2 * number + each, keys) for each in range(2))
        threading.Event().wait(chance.uniform(*seconds))
        if number == 0:  # a busy machine may need longer until tasks run
            wait_until(lambda: command in read_commands(mark), f"the command {command!r}")
        if number == KILLS - 1:  # and until runs have started
            wait_until(
                lambda: sum(len(load.acknowledged) for load in loads) >= min_runs,
                f"{min_runs} runs",
            )
        commands.append(read_commands(mark))
        kill(client.address, folder)
        for load in loads:
            load.thread.join()
        wait_until(lambda: not marked_processes(mark), "the end of all processes")
    return loads, commands


def check_runs(client: Client, loads: Sequence[Load]) -> dict[int, str]:
    """Check that no acknowledged run is lost, and return the tokens of them by run id."""
    acknowledged = {run: token for load in loads for run, token in load.acknowledged.items()}
    doubtful = {run for load in loads for run in load.doubtful}
    deleted = {run for load in loads for run in load.deleted}
    listed = {run.run_id: run for run in client.jobs.list_runs(limit=25)}
    assert acknowledged.keys() - doubtful <= listed.keys()
    assert not deleted & listed.keys()
    assert {state_fields(run)[0] for run in listed.values()} <= ENDED
    return acknowledged


def marked_processes(mark: str) -> set[int]:
    """Return the processes that inherited the mark, except this one."""
    if not mark:
        return set()
    entry = f"{MARK}={mark}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        pid = int(path.parent.name)
        with suppress(OSError):
            if pid != os.getpid() and entry in path.read_bytes() and is_running(pid):
                found.add(pid)
    return found


def read_commands(mark: str) -> str:
    """Return the commands of the marked processes."""
    commands = []
    for pid in marked_processes(mark):
        with suppress(OSError):
            commands.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
    return "\n".join(commands)
