"""``flask jobs run --restart``."""

from __future__ import annotations

import itertools
import signal

import pytest

from flask_lakeflow_jobs.handle import JobHandle
from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    Refusal,
    Reply,
)
from tests.cli import apps
from tests.cli.conftest import RunFlask, StartFlask, interrupt_a_wait, start_run
from tests.support import DEADLINE, RunGate


@pytest.fixture
def active_run(flask_jobs: RunFlask, run_gate: RunGate) -> str:
    """The id of an active run of ``held``."""
    return start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")


def ignore(exchange: Exchange) -> None:
    """Accept a request without carrying it out."""
    exchange.respond(Reply(200, {"Content-Type": "application/json"}, b"{}"))


def test_restart_cancels_active_runs_and_starts_a_new_one(
    flask_jobs: RunFlask, active_run: str, run_gate: RunGate
) -> None:
    second = start_run(flask_jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    result = flask_jobs("run", "held", "--restart", "--no-wait", "--json")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    canceling = [f"Canceling run {run_id} of held." for run_id in (second, active_run)]
    assert lines.index(canceling[0]) < lines.index(canceling[1]), "the newest first"
    for run_id in (second, active_run):
        assert f"Run {run_id} of held: CANCELED." in lines
        assert flask_jobs("watch", "held", run_id).exit_code == 3
    new = str(result.document["runId"])
    assert new not in (active_run, second)
    assert flask_jobs("cancel", "held", new).exit_code == 0


def test_restart_without_an_active_run_starts_one(flask_jobs: RunFlask) -> None:
    flask_jobs("run", "words", "--restart", "--no-wait")
    result = flask_jobs("run", "words", "--restart", "-p", "args=new")
    assert (result.exit_code, result.stdout) == (0, "new\n")
    again = flask_jobs("run", "words", "--restart", "-p", "args=new")
    assert (again.exit_code, again.stdout) == (0, "new\n")
    assert again.stderr.startswith("words has no active runs.\nRun URL: ")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-p", "rows=many"], "rows: "),
        (["-p", "colour=red"], "colour: Unknown field."),
        (["--idempotency-key", "k"], "Use one of them"),
    ],
)
def test_restart_with_invalid_input_cancels_nothing(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, args: list[str], message: str
) -> None:
    result = flask_jobs(
        "run", "etl", "--restart", "-p", "day=2013-01-02", *args, of=apps.create_app()
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert fault_proxy.find_requests() == []


@pytest.mark.usefixtures("active_run")
def test_restart_with_an_unknown_task_cancels_nothing(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask
) -> None:
    result = flask_jobs("run", "held", "--restart", "--only", "wait+,nope", of=apps.create_app())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "The job 'held' has no task 'nope'. Its tasks: wait." in result.stderr
    assert fault_proxy.find_requests("POST") == []


@pytest.mark.parametrize(
    ("fault", "path", "exit_code"),
    [
        (Refusal(403), "jobs/runs/cancel", 6),
        (Refusal(403), "jobs/runs/list", 6),
        (GatewayPage(), "jobs/runs/cancel", 7),
        (ignore, "jobs/runs/cancel", 4),
    ],
    ids=["not allowed to cancel", "not allowed to list", "unreachable", "does not end"],
)
@pytest.mark.usefixtures("active_run")
def test_restart_starts_nothing_if_an_active_run_does_not_end(
    fault_proxy: FaultyWorkspace,
    flask_jobs: RunFlask,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    path: str,
    exit_code: int,
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_WRITE_TIMEOUT", "1")
    fault_proxy.fail(fault, path=path)
    result = flask_jobs("run", "held", "--restart", "--timeout", "0.3", of=apps.create_app())
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert "Error: " in result.stderr
    assert result.stderr.endswith("No new run was started.\n")
    assert fault_proxy.find_requests("POST", "jobs/run-now") == []


def test_restart_ignores_that_a_run_is_gone_when_it_is_canceled(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, active_run: str
) -> None:
    fault_proxy.fail(Refusal(404), path="jobs/runs/cancel")
    result = flask_jobs("run", "held", "--restart", "--timeout", "2", of=apps.create_app())
    assert f"Error: Run {active_run} has not ended within 2 seconds. It continues." in result.stderr


def test_restart_does_not_claim_the_state_of_an_unreadable_run(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, active_run: str
) -> None:
    reads = itertools.count()

    def forward_once(exchange: Exchange) -> None:
        if next(reads):
            GatewayPage()(exchange)
        else:
            exchange.respond(exchange.forward())

    fault_proxy.fail(ignore, path="jobs/runs/cancel")
    fault_proxy.fail(forward_once, path="jobs/runs/get")
    result = flask_jobs("run", "held", "--restart", "--timeout", "0.3", of=apps.create_app())
    assert result.exit_code == 4
    assert f"Error: No end of run {active_run} was observed within 0.3 seconds." in result.stderr
    assert "It continues." not in result.stderr


@pytest.mark.usefixtures("_default_interrupt", "active_run")
def test_restart_signal_that_breaks_the_lock_of_a_wait_is_an_interrupt(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobHandle, "wait", lambda *_, **__: interrupt_a_wait())
    result = flask_jobs("run", "held", "--restart")
    assert result.stderr.endswith("Interrupted. No new run was started.\n")
    assert result.exit_code == 130


@pytest.mark.processes
def test_ctrl_c_during_restart_starts_nothing(
    start_flask_jobs: StartFlask, active_run: str, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(ignore, path="jobs/runs/cancel")
    process = start_flask_jobs("run", "held", "--restart")
    assert process.stderr is not None
    assert any(active_run in line for line in process.stderr)
    fault_proxy.wait_for(path="jobs/runs/get", timeout=DEADLINE)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert stderr.endswith("Interrupted. No new run was started.\n")
    assert fault_proxy.find_requests("POST", "jobs/run-now") == []
