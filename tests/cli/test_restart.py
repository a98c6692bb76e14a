"""``flask jobs run --restart``: what goes on is canceled and has ended before a new run starts."""

from __future__ import annotations

import itertools
import signal

import pytest

from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    Refusal,
    Reply,
)
from tests.cli import shop
from tests.cli.conftest import Run, Start, started
from tests.support import RunGate


@pytest.fixture
def going(jobs: Run, run_gate: RunGate) -> str:
    """The id of a run of ``held`` that goes on."""
    return started(jobs, "held", "-p", f"gate={run_gate.params['gate']}")


def ignored(exchange: Exchange) -> None:
    """What is asked for is accepted, and not done."""
    exchange.respond(Reply(200, {"Content-Type": "application/json"}, b"{}"))


def test_restart_ends_what_goes_on_and_starts_a_new_run(
    jobs: Run, going: str, run_gate: RunGate
) -> None:
    second = started(jobs, "held", "-p", f"gate={run_gate.params['gate']}")
    ended = jobs("run", "held", "--restart", "--no-wait", "--json")
    assert ended.code == 0
    lines = ended.stderr.splitlines()
    canceling = [f"Canceling run {run_id} of held." for run_id in (second, going)]
    assert lines.index(canceling[0]) < lines.index(canceling[1]), "the newest first"
    for run_id in (second, going):
        assert f"Run {run_id} of held: CANCELED." in lines
        assert jobs("watch", "held", run_id).code == 3
    new = str(ended.document["runId"])
    assert new not in (going, second)
    assert jobs("cancel", "held", new).code == 0


def test_restart_follows_the_new_run_even_if_none_goes_on(jobs: Run) -> None:
    jobs("run", "words", "--restart", "--no-wait")
    ended = jobs("run", "words", "--restart", "-p", "args=new")
    assert (ended.code, ended.stdout) == (0, "new\n")
    again = jobs("run", "words", "--restart", "-p", "args=new")
    assert (again.code, again.stdout) == (0, "new\n")
    assert again.stderr.startswith("No run of words goes on.\nRun URL: ")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["-p", "rows=many"], "rows: "),
        (["-p", "colour=red"], "colour: Unknown field."),
        (["--idempotency-key", "k"], "use one of them"),
    ],
)
def test_bad_input_ends_nothing(
    fault_proxy: FaultyWorkspace, jobs: Run, args: list[str], why: str
) -> None:
    ended = jobs("run", "etl", "--restart", "-p", "day=2013-01-02", *args, of=shop.create_app())
    assert (ended.code, ended.stdout) == (2, "")
    assert why in ended.stderr
    assert fault_proxy.find_requests() == []


@pytest.mark.usefixtures("going")
def test_a_task_that_the_job_has_not_ends_nothing(fault_proxy: FaultyWorkspace, jobs: Run) -> None:
    ended = jobs("run", "held", "--restart", "--only", "wait+,nope", of=shop.create_app())
    assert (ended.code, ended.stdout) == (2, "")
    assert "The job 'held' has no task 'nope'. Its tasks: wait." in ended.stderr
    assert (
        fault_proxy.find_requests("POST", "runs/cancel")
        == fault_proxy.find_requests("POST", "run-now")
        == []
    )


@pytest.mark.parametrize(
    ("fault", "path", "code"),
    [
        (Refusal(403), "jobs/runs/cancel", 6),
        (Refusal(403), "jobs/runs/list", 6),
        (GatewayPage(), "jobs/runs/cancel", 7),
        (ignored, "jobs/runs/cancel", 4),
    ],
    ids=["not allowed to cancel", "not allowed to look", "unreachable", "does not end"],
)
@pytest.mark.usefixtures("going")
def test_where_a_run_does_not_end_no_new_one_starts(
    fault_proxy: FaultyWorkspace,
    jobs: Run,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    path: str,
    code: int,
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_WRITE_TIMEOUT", "1")
    fault_proxy.fail(fault, path=path)
    ended = jobs("run", "held", "--restart", "--timeout", "0.3", of=shop.create_app())
    assert (ended.code, ended.stdout) == (code, "")
    assert "Error: " in ended.stderr
    assert ended.stderr.endswith("No new run was started.\n")
    assert fault_proxy.find_requests("POST", "jobs/run-now") == []


def test_a_run_that_is_gone_meanwhile_is_not_in_the_way(
    fault_proxy: FaultyWorkspace, jobs: Run, going: str
) -> None:
    fault_proxy.fail(Refusal(404), path="jobs/runs/cancel")
    ended = jobs("run", "held", "--restart", "--timeout", "2", of=shop.create_app())
    assert f"Error: Run {going} has not ended within 2 seconds. It continues." in ended.stderr


def test_a_run_that_cannot_be_looked_at_is_not_said_to_go_on(
    fault_proxy: FaultyWorkspace, jobs: Run, going: str
) -> None:
    looks = itertools.count()

    def only_once(exchange: Exchange) -> None:
        if next(looks):
            GatewayPage()(exchange)
        else:
            exchange.respond(exchange.forward())

    fault_proxy.fail(ignored, path="jobs/runs/cancel")
    fault_proxy.fail(only_once, path="jobs/runs/get")
    ended = jobs("run", "held", "--restart", "--timeout", "0.3", of=shop.create_app())
    assert ended.code == 4
    assert f"Error: No end of run {going} was observed within 0.3 seconds." in ended.stderr
    assert "It continues." not in ended.stderr


@pytest.mark.processes
def test_ctrl_c_before_the_new_run_starts_none(
    start: Start, going: str, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(ignored, path="jobs/runs/cancel")
    process = start("run", "held", "--restart")
    assert process.stderr is not None
    assert any(going in line for line in process.stderr)
    fault_proxy.wait_for(path="jobs/runs/get")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.endswith("Error: Interrupted. No new run was started.\n")
    assert fault_proxy.find_requests("POST", "jobs/run-now") == []
