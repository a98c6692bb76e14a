"""Following a run whose workspace fails on the way."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    Refusal,
)
from tests.cli import apps
from tests.cli.conftest import RunFlask
from tests.support import RunGate


def test_unreadable_output_is_a_warning(fault_proxy: FaultyWorkspace, flask_jobs: RunFlask) -> None:
    fault_proxy.fail(Refusal(403), path="jobs/runs/get-output")
    result = flask_jobs("run", "words", of=apps.create_app())
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Warning: Cannot read the output:" in result.stderr
    assert "flask jobs output words" in result.stderr


class FailAfter:
    """Forward requests until a response contains a text, and refuse later ones."""

    def __init__(self, text: bytes, refusal: Refusal) -> None:
        self._text = text
        self._refusal = refusal
        self._is_refusing = False

    def __call__(self, exchange: Exchange) -> None:
        if self._is_refusing:
            self._refusal(exchange)
            return
        reply = exchange.forward()
        self._is_refusing = self._text in reply.body
        exchange.respond(reply)


def test_refused_watch_prints_how_to_watch_again(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, run_gate: RunGate
) -> None:
    fault_proxy.fail(FailAfter(b"RUNNING", Refusal(403)), path="jobs/runs/get")
    result = flask_jobs(
        "run", "held", "-p", f"gate={run_gate.params['gate']}", of=apps.create_app()
    )
    assert (result.exit_code, result.stdout) == (6, "")
    url, last = result.stderr.splitlines()[-2:]
    run_id = url.rpartition("/")[2].partition("?")[0]
    assert last == f"Watch it again: flask jobs watch held {run_id}"


@pytest.mark.parametrize(
    ("fault", "status"),
    [(FailAfter(b"RUNNING", Refusal(403)), "RUNNING"), (Refusal(403), None)],
    ids=["after a state", "before the first state"],
)
def test_refused_watch_as_json_has_the_run_id_and_the_last_state(
    fault_proxy: FaultyWorkspace,
    flask_jobs: RunFlask,
    run_gate: RunGate,
    fault: Fault,
    status: str | None,
) -> None:
    fault_proxy.fail(fault, path="jobs/runs/get")
    gate = f"gate={run_gate.params['gate']}"
    result = flask_jobs("run", "held", "-p", gate, "--json", of=apps.create_app())
    assert result.exit_code == 6
    assert result.document.get("status") == status
    run_id = result.document["runId"]
    assert result.stderr.splitlines()[-1] == f"Watch it again: flask jobs watch held {run_id}"


def test_deleted_run_is_an_error_without_the_watch_command(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, run_gate: RunGate
) -> None:
    fault_proxy.fail(FailAfter(b"RUNNING", Refusal(404)), path="jobs/runs/get")
    result = flask_jobs(
        "run", "held", "-p", f"gate={run_gate.params['gate']}", of=apps.create_app()
    )
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: The job 'held' has no run" in result.stderr
    assert "Watch it again" not in result.stderr


def test_unreadable_explanation_is_a_warning_of_a_failure(
    fault_proxy: FaultyWorkspace, flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_CACHE_TTL", "0")
    fault_proxy.fail(FailAfter(b"INTERNAL_ERROR", Refusal(403)), path="jobs/runs/get")
    result = flask_jobs("run", "broken", of=apps.create_app())
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Warning: Cannot read why the run ended like this:" in result.stderr
    assert "of broken: FAILED.\n" in result.stderr
