"""The calls of a handle that change nothing, over the real SDK and real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from weakref import ref

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import (
    InvalidRequest,
    JobHandle,
    NotAllowed,
    RunNotFound,
    RunStatus,
    current_jobs,
)
from flask_lakeflow_jobs.reader import subscribe_to
from flask_lakeflow_jobs.testing import Exchange, FaultyWorkspace, Refusal
from tests.conftest import MakeApp
from tests.support import DEADLINE, RunGate

UNKNOWN_RUN = 1


pytestmark = pytest.mark.usefixtures("app_context")


CALLS_ON_A_RUN = [
    JobHandle.cancel_run,
    JobHandle.explain,
    JobHandle.get_run,
    JobHandle.get_run_output,
    JobHandle.repair_run,
    subscribe_to,
    JobHandle.wait,
    JobHandle.watch,
]


class TestRunIds:
    @pytest.mark.parametrize("call", CALLS_ON_A_RUN)
    @pytest.mark.parametrize("value", ["abc", None])
    def test_call_with_invalid_run_id_makes_no_request(
        self, call: Callable[..., Any], value: object, fault_proxy: FaultyWorkspace
    ) -> None:
        with pytest.raises(InvalidRequest, match="A run id is a positive whole number below"):
            call(current_jobs["quick"], value)

        assert not fault_proxy.find_requests("GET")
        assert not fault_proxy.find_requests("POST")

    def test_call_with_run_id_as_string_works(self) -> None:
        handle = current_jobs["never"]
        run_id = handle.run_now().run_id

        assert handle.wait(str(run_id)).run.run_id == run_id
        assert handle.watch(str(run_id)).run_id == run_id
        assert handle.get_run(str(run_id)).run_id == run_id
        assert handle.explain(str(run_id)).run_id == run_id
        handle.cancel_run(str(run_id))

    def test_wait_with_string_and_number_ids_works_concurrently(self, run_gate: RunGate) -> None:
        handle = current_jobs["gated"]
        named = [
            handle.run_now(run_gate.params).run_id,
            str(handle.run_now(run_gate.params).run_id),
        ]
        run_gate.open()

        with ThreadPoolExecutor(2) as waiters:
            ends = list(waiters.map(partial(handle.wait, timeout=DEADLINE), named))

        assert [end.outcome for end in ends] == ["succeeded", "succeeded"]


class TestReading:
    @pytest.mark.parametrize(
        "call",
        [
            JobHandle.get_run,
            JobHandle.get_run_output,
            JobHandle.explain,
            JobHandle.cancel_run,
            JobHandle.repair_run,
            JobHandle.wait,
        ],
    )
    def test_call_with_run_of_another_job_raises_run_not_found(
        self, call: Callable[..., Any], fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = current_jobs["never"].run_now().run_id
        with pytest.raises(RunNotFound, match="quick") as caught:
            call(current_jobs["quick"], run_id)

        assert caught.value.code == 404
        assert len(fault_proxy.find_requests("POST")) == 1, (
            "nothing was done to the other job's run"
        )

    @pytest.mark.parametrize(
        "call", [JobHandle.get_run, JobHandle.get_run_output, JobHandle.cancel_run]
    )
    def test_call_with_unknown_run_raises_run_not_found(self, call: Callable[..., Any]) -> None:
        with pytest.raises(RunNotFound):
            call(current_jobs["quick"], UNKNOWN_RUN)

    def test_last_run_returns_the_newest_or_none(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = current_jobs["never"].run_now().run_id

        last = current_jobs["never"].last_run()

        assert last is not None
        assert last.run_id == run_id
        fault_proxy.fail(_no_runs, path="runs/list")
        with make_app().app_context():
            assert current_jobs["never"].last_run() is None

    def test_list_runs_reads_as_many_pages_as_the_limit_needs(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        handle = current_jobs["never"]
        started = [handle.run_now().run_id for _ in range(60)]

        runs = handle.list_runs(limit=55)

        assert [run.run_id for run in runs] == started[::-1][:55]
        pages = fault_proxy.find_requests("GET", "runs/list")
        assert len(pages) == 3
        assert {page.query["limit"] for page in pages} == {"25"}

    def test_list_runs_defaults_to_twenty_and_applies_filters(self) -> None:
        handle = current_jobs["never"]
        for _ in range(21):
            handle.run_now()

        assert len(handle.list_runs()) == 20
        assert handle.list_runs(active_only=True) == []
        newest = handle.list_runs(1)[0]
        assert handle.list_runs(start_time_from=(newest.start_time or 0) + 60_000) == []
        (expanded,) = handle.list_runs(1, completed_only=True, expand_tasks=True)
        assert [task.task_key for task in expanded.tasks or []] == ["only"]

    def test_get_job_returns_the_definition(self) -> None:
        job = current_jobs["pipeline"].get_job()

        assert job.settings is not None
        assert [task.task_key for task in job.settings.tasks or []] == ["extract", "load"]

    def test_get_run_output_of_one_task_returns_its_output(self) -> None:
        run_id = current_jobs["script"].run_now({"args": ["one", "two"]}).run_id
        current_jobs["script"].wait(run_id)

        output: Any = current_jobs["script"].get_run_output(run_id)

        assert output.logs.splitlines() == ["one", "two"]

    def test_get_run_output_of_several_tasks_returns_a_dict(self) -> None:
        run_id = current_jobs["pipeline"].run_now().run_id
        current_jobs["pipeline"].wait(run_id)

        outputs: Any = current_jobs["pipeline"].get_run_output(run_id)

        assert set(outputs) == {"extract", "load"}
        assert outputs["extract"].logs == "extracted\n"
        assert outputs["load"].notebook_output.result == "{}"

    @pytest.mark.parametrize(
        "refusal",
        [
            Refusal(400, message="Run 5 does not exist."),
            Refusal(400, message="The output was purged."),
            Refusal(404, message="It is gone."),
        ],
    )
    def test_get_run_output_with_missing_output_returns_the_others(
        self, fault_proxy: FaultyWorkspace, refusal: Refusal
    ) -> None:
        run_id = current_jobs["pipeline"].run_now().run_id
        current_jobs["pipeline"].wait(run_id)
        fault_proxy.fail(refusal, path="runs/get-output", times=1)

        outputs: Any = current_jobs["pipeline"].get_run_output(run_id)

        (gone,) = [output for output in outputs.values() if output.info]
        (left,) = [output for output in outputs.values() if not output.info]
        assert gone.info == "The workspace has no output of it."
        assert left.metadata.run_id

    def test_get_run_output_without_permission_raises_not_allowed(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        run_id = current_jobs["pipeline"].run_now().run_id
        current_jobs["pipeline"].wait(run_id)
        fault_proxy.fail(Refusal(403), path="runs/get-output")

        with pytest.raises(NotAllowed):
            current_jobs["pipeline"].get_run_output(run_id)

    def test_explain_failed_run_names_only_the_root_cause(self) -> None:
        run_id = current_jobs["failing"].run_now().run_id
        current_jobs["failing"].wait(run_id)

        explanation = current_jobs["failing"].explain(run_id)

        assert explanation.outcome == "failed"
        assert explanation.termination_code == "RUN_EXECUTION_ERROR"
        assert explanation.url is not None
        (task,) = explanation.tasks
        assert (task.task_key, task.attempt) == ("broken", 0)
        assert task.error == task.error_trace == "ValueError: the boat is leaking"

    def test_explain_for_each_task_has_the_iterations_error(self) -> None:
        run_id = current_jobs["repeated"].run_now().run_id
        current_jobs["repeated"].wait(run_id)

        (task,) = current_jobs["repeated"].explain(run_id).tasks

        assert task.task_key == "loop"
        assert task.message == "1 of 3 iterations failed, see their output for details"
        assert task.error == "ValueError: this one is leaking"
        assert "break_if.py" in (task.error_trace or "")

    def test_explain_successful_run_has_no_tasks(self) -> None:
        run_id = current_jobs["quick"].run_now().run_id
        current_jobs["quick"].wait(run_id)

        explanation = current_jobs["quick"].explain(run_id)

        assert (explanation.outcome, explanation.tasks) == ("succeeded", [])

    def test_status_is_the_state_of_the_last_read(self, run_gate: RunGate) -> None:
        handle = current_jobs["gated"]
        triggered = handle.run_now(run_gate.params)
        running = handle.status(triggered.run_id)
        run_gate.open()
        ended = triggered.wait()
        status = handle.status(triggered.run_id)

        assert not running.is_terminal
        assert status.succeeded
        assert running.timestamp <= status.timestamp <= ended.timestamp + 1000 * DEADLINE
        assert status.to_dict()["run"] == ended.to_dict()["run"]
        (status.run.tasks or []).clear()  # a copy: the cached response stays as it is
        assert handle.status(triggered.run_id).to_dict()["run"]["tasks"]

    def test_outputs_of_one_task_are_by_its_key(self) -> None:
        handle = current_jobs["never"]
        run_id = handle.run_now().run_id
        handle.wait(run_id)

        assert handle.get_outputs(run_id) == {"only": handle.get_run_output(run_id)}


class TestSideBySide:
    def test_matrix_has_an_empty_column_for_a_run_that_is_gone(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        _run_to_end("quick")
        fault_proxy.fail(Refusal(404, "RESOURCE_DOES_NOT_EXIST"), path="runs/get")
        with make_app(LAKEFLOW_JOBS_CACHE_TTL=0).app_context():
            found = current_jobs["quick"].read_matrix(1)
        assert (len(found.runs), found.rows) == (1, [])

    def test_matrix_reads_no_more_runs_than_it_may(self, fault_proxy: FaultyWorkspace) -> None:
        current_jobs["never"].read_matrix(10**9)
        (sent,) = fault_proxy.find_requests("GET", "runs/list")
        assert sent.query["limit"] == "25"

    def test_matrix_does_not_keep_the_tasks_of_an_earlier_end(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        """A cached run may be from before a repair that the list already knows."""
        _run_to_end("quick")
        fault_proxy.fail(_ended_later, path="runs/list", times=1)
        with make_app(LAKEFLOW_JOBS_CACHE_TTL=0).app_context():
            before = len(fault_proxy.find_requests("GET", "runs/get"))
            for reads in (1, 2, 2):
                current_jobs["quick"].read_matrix(1)
                assert len(fault_proxy.find_requests("GET", "runs/get")) == before + reads

    def test_compare_has_any_two_runs_of_the_job_the_earlier_first(self) -> None:
        handle = current_jobs["never"]
        ids = [handle.run_now({"day": day}).run_id for day in ("2026-01-01", "2026-01-02")]
        try:
            compared = handle.compare(ids[1], str(ids[0]))
        finally:
            handle.cancel_all_runs()
        assert [run.run_id for run in compared.runs] == ids
        (day,) = (each for each in compared.parameters if each.name == "day")
        assert (day.values, day.differs) == (["2026-01-01", "2026-01-02"], True)

    def test_compare_has_the_root_error_of_a_failed_run(self) -> None:
        handle = current_jobs["failing"]
        ids = [_run_to_end("failing") for _ in range(2)]
        error = handle.compare(*ids).errors[0]
        assert error.startswith(f"{handle.explain(ids[0]).tasks[0].task_key}: ")


def _run_to_end(key: str) -> int:
    run_id = current_jobs[key].run_now().run_id
    current_jobs[key].wait(run_id)
    return run_id


def _ended_later(exchange: Exchange) -> None:
    """Let the newest run have ended later than it has."""
    reply = exchange.forward()
    document = json.loads(reply.body)
    document["runs"][0]["end_time"] += 1
    exchange.respond(type(reply)(200, reply.headers, json.dumps(document).encode()))


def _no_runs(exchange: Exchange) -> None:
    reply = exchange.forward()
    exchange.respond(type(reply)(200, reply.headers, b"{}"))


def test_wait_keeps_no_state_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[ref[RunStatus]] = []
    alive = []

    def watch(*_: object, **__: object) -> Iterator[RunStatus]:
        for timestamp in range(5):
            status = RunStatus(timestamp, Run())
            states.append(ref(status))
            yield status
            alive.append(sum(state() is not None for state in states))

    monkeypatch.setattr(JobHandle, "watch", watch)
    assert current_jobs["quick"].wait(1).timestamp == 4
    assert max(alive) <= 2  # that of this test is one of them
