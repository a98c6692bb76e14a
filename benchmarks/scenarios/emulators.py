"""The local workspace beside other emulators of a workspace."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import Any

from ..bench import Bench
from ..emulators import EMULATORS, Emulator, Running, start
from ..emulators.kinds import OURS, write_bundle
from ..emulators.process import install, installed_bytes, send
from ..report import Row
from ..servers import NotInstalled, needed
from ..stats import median

#: Connections that wrk holds.
CONNECTIONS = 8
#: Seconds within which a canceled or failed run has to end.
END_SECONDS = 10.0
ENDED = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}
LUA = Path(__file__).parent.parent / "clients" / "starts.lua"
#: The rival that the target of the rate names.
RIVAL = "MiniLake"

INSTALLED = (
    "Each emulator in an environment of its own, from PyPI; this package with the extras `local`"
    " and `sql`. MiniLake without Docker (`MINILAKE_JOB_EXECUTOR=subprocess`) and with"
    " `MINILAKE_PERSIST=1`."
)

Environments = Mapping[str, Path]


def emulators(bench: Bench) -> list[Row]:
    """Measure the start, memory, size, rate and behavior of each emulator."""
    environments = {each.name: install(each, bench.scratch) for each in EMULATORS}
    return [
        *_measure_starts(environments, bench.choose(7, 2)),
        _measure_rate(environments, bench.choose(3, 1), bench.choose(5, 1)),
        *_try_calls(environments),
        _measure_kills(environments, bench.choose(20, 2)),
    ]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        write_bundle(Path(name))
        yield Path(name)


def _measure_starts(environments: Environments, rounds: int) -> list[Row]:
    seconds: dict[str, list[float]] = {each.name: [] for each in EMULATORS}
    memory: dict[str, list[int]] = {each.name: [] for each in EMULATORS}
    for emulator, environment, folder in _all(environments):
        for _ in range(rounds + 1):  # the first start compiles its modules
            with start(emulator, environment, folder) as running:
                time.sleep(1)
                seconds[emulator.name].append(running.seconds)
                memory[emulator.name].append(running.memory)
    medians = {name: median(values[1:]) for name, values in seconds.items()}
    kibibytes = {name: median(values[1:]) for name, values in memory.items()}
    sizes = {name: installed_bytes(path) for name, path in environments.items()}
    how = f"{INSTALLED} Median of {rounds} starts with data of an earlier start, one at a time."
    return [
        _compare(
            "start of the process to the first HTTP response",
            how,
            medians,
            lambda value: f"{value:.2f} s",
            "less than each",
        ),
        _compare(
            "memory of the idle emulator: resident, of all its processes, a second later",
            how,
            kibibytes,
            lambda value: f"{value / 1024:.0f} MiB",
            "less than each",
        ),
        _compare(
            "installed size, without compiled code",
            f"{INSTALLED} The size of all files in the environment.",
            sizes,
            lambda value: f"{value / 2**20:.0f} MiB",
            "less than each",
        ),
    ]


def _compare(
    what: str,
    how: str,
    values: Mapping[str, float],
    text: Callable[[float], str],
    target: str,
) -> Row:
    """Build a row in which less is better."""
    ours = values[OURS.name]
    others = {name: value for name, value in values.items() if name != OURS.name}
    best = min(others.values())
    return Row(
        what,
        how,
        text(ours),
        target,
        ours < best,
        "; ".join(f"{text(value)} ({name})" for name, value in others.items()),
        ours / best,
    )


def _all(environments: Environments) -> Iterator[tuple[Emulator, Path, Path]]:
    """Yield each emulator with its environment and an empty folder."""
    for emulator in EMULATORS:
        with _folder() as folder:
            yield emulator, environments[emulator.name], folder


def _measure_rate(environments: Environments, rounds: int, seconds: int) -> Row:
    wrk = needed("wrk")
    rates: dict[str, list[float]] = {each.name: [] for each in EMULATORS}
    with contextlib.ExitStack() as stack:
        loaded = []
        for emulator in EMULATORS:
            folder = stack.enter_context(_folder())
            environment = environments[emulator.name]
            running = stack.enter_context(start(emulator, environment, folder))
            loaded.append((running, emulator.add_jobs(running.send)["quick"]))
        for _ in range(rounds):
            for running, job_id in loaded:
                rates[running.emulator.name].append(_load(wrk, running, job_id, seconds))
    medians = {name: median(values) for name, values in rates.items()}
    ours, rival = medians[OURS.name], medians[RIVAL]
    return Row(
        f"`run-now`, accepted requests/s, {CONNECTIONS} connections",
        f"wrk, {rounds} rounds of {seconds} s, in turn, each request with an idempotency token of"
        " its own. The runs do nothing: a simulated job here, a task that MiniLake skips, an empty"
        " Python file on BrickHouse, which refuses more than 10 runs at a time.",
        f"{ours:.0f}",
        f"≥ 1.2 times {RIVAL}",
        ours >= 1.2 * rival,
        "; ".join(f"{rate:.0f} ({name})" for name, rate in medians.items() if name != OURS.name),
        ours / rival,
    )


def _load(wrk: str, running: Running, job_id: int, seconds: int) -> float:
    """Return how many runs a second an emulator accepts."""
    url = f"http://127.0.0.1:{running.port}/api/2.2/jobs/run-now"
    load = ["-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(LUA), url, "--"]
    arguments = [str(job_id), running.token, uuid.uuid4().hex[:12]]
    output = subprocess.run(
        [wrk, *load, *arguments], capture_output=True, text=True, check=True
    ).stdout
    total = re.search(r"(\d+) requests in ([\d.]+)s", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    assert total is not None, output
    return (int(total[1]) - int(refused[1] if refused else 0)) / float(total[2])


def _try_calls(environments: Environments) -> list[Row]:
    """Repeat a token, cancel a run, and repair one."""
    tokens, cancels, repairs = {}, {}, {}
    for emulator, environment, folder in _all(environments):
        with start(emulator, environment, folder) as running:
            jobs = emulator.add_jobs(running.send)
            tokens[emulator.name] = _repeat_token(running, jobs["quick"])
            cancels[emulator.name] = _cancel(running, jobs["slow"])
            repairs[emulator.name] = _repair(running, jobs["failing"])
    how = "Each emulator with one job and nothing else to do."
    return [
        _build_row("`run-now` twice with one idempotency token", how, tokens, "one run"),
        _build_row("cancel of a run whose task sleeps for 30 s", how, cancels, "canceled"),
        _build_row("repair of a failed run", how, repairs, "repaired"),
    ]


def _build_row(what: str, how: str, answers: Mapping[str, str], target: str) -> Row:
    others = {name: answer for name, answer in answers.items() if name != OURS.name}
    peer = "; ".join(f"{answer} ({name})" for name, answer in others.items())
    ours = answers[OURS.name]
    return Row(what, how, ours, target, ours.startswith(target), peer)


def _repeat_token(running: Running, job_id: int) -> str:
    body = {"job_id": job_id, "idempotency_token": uuid.uuid4().hex}
    run_ids = {running.send("POST", "/api/2.2/jobs/run-now", body)[1]["run_id"] for _ in range(2)}
    return "one run" if len(run_ids) == 1 else f"{len(run_ids)} runs"


def _cancel(running: Running, job_id: int) -> str:
    run_id = _start(running, job_id)
    _wait_for(running, run_id, {"RUNNING"})
    status, answer = running.send("POST", "/api/2.2/jobs/runs/cancel", {"run_id": run_id})
    if status != 200:
        return f"refused with {status} {answer['error_code']}"
    began = time.monotonic()
    state = _wait_for(running, run_id, ENDED)
    if state.get("result_state") != "CANCELED":
        return f"still running after {END_SECONDS:.0f} s"
    return f"canceled after {time.monotonic() - began:.2f} s"


def _repair(running: Running, job_id: int) -> str:
    run_id = _start(running, job_id)
    _wait_for(running, run_id, ENDED)
    body = {"run_id": run_id, "rerun_all_failed_tasks": True}
    status, answer = running.send("POST", "/api/2.2/jobs/runs/repair", body)
    return "repaired" if status == 200 else f"refused with {status} {answer['error_code']}"


def _start(running: Running, job_id: int) -> int:
    return int(running.send("POST", "/api/2.2/jobs/run-now", {"job_id": job_id})[1]["run_id"])


def _wait_for(running: Running, run_id: int, states: set[str]) -> dict[str, Any]:
    """Return the state of a run, once it is one of these or is taking too long."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        run = running.send("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")[1]
        state: dict[str, Any] = run["state"]
        if state["life_cycle_state"] in states or time.monotonic() > deadline:
            return state
        time.sleep(0.05)


def _measure_kills(environments: Environments, kills: int) -> Row:
    results = {
        emulator.name: _kill_often(emulator, environment, folder, kills)
        for emulator, environment, folder in _all(environments)
    }
    ours = results[OURS.name]
    others = {name: text for name, text in results.items() if name != OURS.name}
    return Row(
        f"{kills} kills (SIGKILL) under load, each followed by a start with the same data",
        "Two clients start runs, most of the quick job, until the kill after 0.1 to 1 s, the same"
        " moments for all. A run is lost if its `run-now` was answered and `runs/get` does not"
        " know it after the next start; doubled if its token then starts another run. Processes"
        " are those left 3 s after a kill.",
        ours,
        "none lost, none doubled, no process left",
        ours.endswith(": 0 lost, 0 doubled, 0 processes left"),
        "; ".join(f"{text} ({name})" for name, text in others.items()),
    )


def _kill_often(emulator: Emulator, environment: Path, folder: Path, kills: int) -> str:
    random = Random(7)
    acknowledged = lost = doubled = processes = killed = 0
    runs: dict[int, tuple[int, str]] = {}
    refusal = ""
    try:
        while True:
            with start(emulator, environment, folder) as running:
                gone = {run_id for run_id in runs if not _knows(running, run_id)}
                kept = [run_id for run_id in runs if run_id not in gone]
                lost += len(gone)
                doubled += sum(_start_again(running, *runs[each]) != each for each in kept[-5:])
                if killed == kills:
                    break
                jobs = _jobs_of(emulator, running)
                runs = _load_until_killed(running, jobs, random)
                acknowledged += len(runs)
                processes += running.remaining(3)
                killed += 1
    except NotInstalled:
        if not killed:
            raise
        refusal = f" before the start after kill {killed}, which failed"
    return (
        f"{acknowledged:,} acknowledged: {lost:,} lost, {doubled} doubled, {processes} processes"
        f" left{refusal}"
    )


def _jobs_of(emulator: Emulator, running: Running) -> dict[str, int]:
    """Return the jobs of an emulator, created again if it has lost them."""
    return emulator.add_jobs(running.send)


def _load_until_killed(
    running: Running, jobs: Mapping[str, int], random: Random
) -> dict[int, tuple[int, str]]:
    """Return the acknowledged runs: id → job and idempotency token."""
    runs: dict[int, tuple[int, str]] = {}
    seeds = [random.random() for _ in range(2)]
    clients = [
        threading.Thread(target=_start_runs, args=(running, jobs, runs, Random(seed)))
        for seed in seeds
    ]
    for client in clients:
        client.start()
    time.sleep(random.uniform(0.1, 1))
    running.kill()
    for client in clients:
        client.join()
    return runs


def _start_runs(
    running: Running, jobs: Mapping[str, int], runs: dict[int, tuple[int, str]], random: Random
) -> None:
    workspace_token = running.token
    connection = HTTPConnection("127.0.0.1", running.port, timeout=5)
    with contextlib.suppress(OSError, HTTPException):
        while True:
            job_id = jobs["slow" if random.random() < 0.02 else "quick"]
            token = uuid.uuid4().hex
            body = {"job_id": job_id, "idempotency_token": token}
            path = "/api/2.2/jobs/run-now"
            status, answer = send(connection, workspace_token, "POST", path, body)
            if status == 200:
                runs[answer["run_id"]] = (job_id, token)
    connection.close()


def _knows(running: Running, run_id: int) -> bool:
    return running.send("GET", f"/api/2.2/jobs/runs/get?run_id={run_id}")[0] == 200


def _start_again(running: Running, job_id: int, token: str) -> int:
    body = {"job_id": job_id, "idempotency_token": token}
    answer = running.send("POST", "/api/2.2/jobs/run-now", body)[1]
    return int(answer.get("run_id", 0))
