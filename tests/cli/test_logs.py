"""``flask jobs logs``."""

from __future__ import annotations

from tests.cli.conftest import RunFlask, start_run


def headings(text: str) -> list[str]:
    return [line.split(" after ")[0] for line in text.splitlines() if line.startswith("===")]


def test_logs_of_a_failed_run_have_outputs_and_errors(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "broken", "--json").document["runId"])
    result = flask_jobs("logs", "broken", run_id)
    assert result.exit_code == 0
    assert headings(result.stdout) == ["=== clean: FAILED", "=== load: UPSTREAM_FAILED"]
    assert result.stdout.count("\nValueError: row 7 has no date\n") == 1


def test_logs_of_failed_tasks_leave_out_the_others(flask_jobs: RunFlask) -> None:
    run_id = str(flask_jobs("run", "partly", "--json").document["runId"])
    assert headings(flask_jobs("logs", "partly", run_id, "--failed").stdout) == [
        "=== clean: FAILED"
    ]
    assert headings(flask_jobs("logs", "partly", run_id, "--task", "tidy").stdout) == [
        "=== tidy: SUCCEEDED"
    ]


def test_logs_of_an_unknown_task_are_a_usage_error(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "words")
    result = flask_jobs("logs", "words", run_id, "--task", "sya")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has no task 'sya'. Its tasks: say." in result.stderr


def test_followed_logs_print_each_task_once_and_exit_as_the_run(flask_jobs: RunFlask) -> None:
    run_id = start_run(flask_jobs, "partly")
    result = flask_jobs("logs", "partly", run_id, "-f")
    assert headings(result.stdout) == ["=== clean: FAILED", "=== tidy: SUCCEEDED"]
    assert result.exit_code == 0
    run_id = start_run(flask_jobs, "broken")
    result = flask_jobs("logs", "broken", run_id, "-f")
    assert result.exit_code == 1
    assert result.stderr.endswith(f"Run {run_id} of broken: FAILED.\n")
