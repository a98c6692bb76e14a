"""Changes of the record's runs, from the request to the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from flask_lakeflow_jobs import DatabaseUnavailable
from flask_lakeflow_jobs.record.run_changes import UNFINISHED_EXTRA_MS
from flask_lakeflow_jobs.record.schema import deliveries
from flask_lakeflow_jobs.record.store import Record
from flask_lakeflow_jobs.record.values import Action, RecordedRun, RowState
from tests.clocks import FakeClock
from tests.record.rows import add_run, end, request
from tests.support import DEADLINE

InThreads = Callable[..., list[threading.Thread]]


def get(record: Record, row_id: int) -> RecordedRun:
    (run,) = [run for run in record.list_runs() if run.id == row_id]
    return run


def find(record: Record, token: str) -> RecordedRun:
    (run,) = [run for run in record.list_runs() if run.token == token]
    return run


def trigger(run_id: int) -> Action:
    return Action("trigger", "accepted", "etl", 1, run_id, "ada", detail="100 %s :x \u2028")


def test_begin_run_before_response_records_request(record: Record, clock: FakeClock) -> None:
    token = record.begin_run(request(params='{"day": "2025-01-01"}', requested_by="ada"))
    run = find(record, token)
    assert (run.state, run.run_id, run.source) == (RowState.REQUESTED, None, "app")
    assert (run.params, run.requested_by) == ('{"day": "2025-01-01"}', "ada")
    assert run.requested_at == clock.now() * 1000


def test_begin_run_same_token_keeps_row(record: Record) -> None:
    row_id = add_run(record, 7, token="same")
    record.begin_run(request(token="same"))
    record.complete_run("same", 1, 8)
    (run,) = record.list_runs()
    assert (run.id, run.state, run.run_id) == (row_id, RowState.STARTED, 7)


def test_begin_run_after_failure_same_token_requests_again(record: Record) -> None:
    """The time of the request is the new one: its run is searched from there on."""
    token = record.begin_run(request(token="same"), 1_000)
    record.fail_run(token, "The workspace does not respond.", 1_000)
    record.begin_run(request(token="same"), 2_000)
    (run,) = record.list_runs()
    assert (run.state, run.requested_at) == (RowState.REQUESTED, 2_000)


def test_complete_run_records_run_id_and_whether_it_is_a_replay(record: Record) -> None:
    token = record.begin_run(request())
    for _ in range(2):
        record.complete_run(token, 1, 7, trigger(7))
    run = find(record, token)
    assert (run.state, run.run_id) == (RowState.STARTED, 7)
    assert record.get_run(1, 7) == run
    replay, accepted = record.list_actions()
    assert (accepted.result, replay.result) == ("accepted", "replayed")
    assert (accepted.run_id, accepted.requested_by, accepted.source) == (7, "ada", "python")
    assert accepted.detail == trigger(7).detail


def test_complete_run_after_another_request_of_the_token_failed(record: Record) -> None:
    token = record.begin_run(request(), 1_000)
    record.fail_run(token, "Too many requests.", 1_000)
    record.complete_run(token, 1, 7)
    run = find(record, token)
    assert (run.state, run.run_id, run.error) == (RowState.STARTED, 7, None)


def test_complete_run_by_many_threads_completes_each(record: Record, in_threads: InThreads) -> None:
    tokens = [record.begin_run(request(job_id=number)) for number in range(20)]
    triggers = [
        partial(record.complete_run, token, number, 100 + number, trigger(100 + number))
        for number, token in enumerate(tokens)
    ]
    begins = [partial(record.begin_run, request(job_id=number)) for number in range(20, 40)]
    for thread in in_threads(*triggers, *begins):
        thread.join()
    by_state = Counter(run.state for run in record.list_runs())
    assert by_state == {RowState.STARTED: 20, RowState.REQUESTED: 20}
    assert sorted(each.run_id or 0 for each in record.list_actions()) == [*range(100, 120)]


def test_complete_run_found_meanwhile_takes_over_its_end(record: Record) -> None:
    token = record.begin_run(request(requested_by="ada"))
    row_id = find(record, token).id
    record.add_found_run("etl", 1, 7, started_at=1_000)
    record.finish_run(end(7), ["mail"])
    record.complete_run(token, 1, 7)
    (run,) = record.list_runs()
    assert (run.id, run.source, run.requested_by) == (row_id, "app", "ada")
    assert (run.state, run.outcome) == (RowState.ENDED, "succeeded")
    assert [delivery.run for delivery in record.list_due_deliveries()] == [row_id]


def test_complete_run_of_a_pruned_request_changes_nothing(record: Record) -> None:
    add_run(record, 7)
    before = record.list_runs()
    record.complete_run("pruned", 1, 7)
    record.complete_run("pruned", 1, 8)
    assert record.list_runs() == before


def test_complete_run_ascribed_to_another_request_leaves_that_as_it_was(record: Record) -> None:
    token, other = record.begin_run(request()), record.begin_run(request())
    before = find(record, other)
    record.complete_run(other, 1, 7)
    record.finish_run(end(7, "failed", error="broken", page_url="https://run", attempts=1))
    record.reopen_run(1, 7, 99, 2_000, [])
    again = end(7, "failed", error="broken", ended_at=3_000, attempts=2)
    record.finish_run(again, ["mail"])
    ascribed = find(record, other)
    record.complete_run(token, 1, 7)
    assert find(record, other) == before
    assert replace(find(record, token), id=ascribed.id, token=other) == ascribed
    record.reopen_run(1, 7, 99, 3_000, ["mail"])  # it is recorded already
    assert [delivery.run for delivery in record.list_due_deliveries()] == [find(record, token).id]


def test_fail_run_records_reason(record: Record, clock: FakeClock) -> None:
    token = record.begin_run(request(), 1_000)
    record.fail_run(token, "No such job.", 1_000, trigger(7))
    run = find(record, token)
    assert (run.state, run.error) == (RowState.NOT_STARTED, "No such job.")
    assert run.ended_at == round(clock.now() * 1000)
    assert [action.run_id for action in record.list_actions()] == [7]


def test_fail_run_of_started_run_changes_nothing(record: Record, clock: FakeClock) -> None:
    row_id = add_run(record, token="started")
    record.fail_run("started", "Too late.", round(clock.now() * 1000))
    assert get(record, row_id).state is RowState.STARTED


def test_fail_run_leaves_earlier_request_of_the_token_open(record: Record) -> None:
    """The earlier one may have started a run."""
    token = record.begin_run(request(token="same"), 1_000)
    record.begin_run(request(token="same"), 2_000)
    record.fail_run(token, "Too many requests.", 2_000)
    (run,) = record.list_runs()
    assert (run.state, run.requested_at) == (RowState.REQUESTED, 1_000)


def test_add_found_run_keeps_a_known_run(record: Record) -> None:
    add_run(record, 7)
    for run_id in (7, 8):
        record.add_found_run("etl", 1, run_id, started_at=1_000)
    found = record.get_runs(1, [7, 8])
    assert {run_id: run.source for run_id, run in found.items()} == {7: "app", 8: "found"}


def test_finish_run_twice_delivers_once(record: Record) -> None:
    row_id = add_run(record)
    assert record.finish_run(end(error="Boom", outcome="failed"), ["mail", "chat", "mail"])
    assert not record.finish_run(end(error="Boom", outcome="failed"), ["mail", "chat"])
    run = get(record, row_id)
    assert (run.state, run.outcome, run.error) == (RowState.ENDED, "failed", "Boom")
    assert (run.started_at, run.ended_at, run.ends) == (1_000, 2_000, 1)
    receivers = [delivery.receiver for delivery in record.list_due_deliveries()]
    assert sorted(receivers) == ["chat", "mail"]


def test_finish_run_by_many_at_once_is_first_once(record: Record, in_threads: InThreads) -> None:
    add_run(record)
    results: list[bool] = []
    calls = [lambda: results.append(record.finish_run(end(), ["mail"])) for _ in range(8)]
    for thread in in_threads(*calls):
        thread.join(DEADLINE)
    assert sorted(results) == [False] * 7 + [True]
    assert len(record.list_due_deliveries()) == 1


def test_finish_run_unknown_run_returns_false(record: Record) -> None:
    assert not record.finish_run(end(99), ["mail"])
    assert record.list_due_deliveries() == []


def test_finish_run_failing_delivery_records_no_end(record: Record) -> None:
    row_id = add_run(record)
    with record.database.write() as connection:
        connection.execute(
            deliveries.insert().values(
                delivery_id="taken",
                run=row_id,
                end_number=1,
                signal="run_finished",
                receiver="mail",
                created_at=0,
                next_attempt_at=0,
            )
        )
    with pytest.raises(DatabaseUnavailable, match="refuses"):
        record.finish_run(end(), ["mail"])
    assert get(record, row_id).state is RowState.STARTED


def test_reopen_run_lets_run_end_again(record: Record) -> None:
    row_id = add_run(record)
    record.finish_run(end(outcome="failed", error="Boom"), ["mail"])
    record.reopen_run(1, 7, 31, 2_000, ["mail"])
    run = get(record, row_id)
    assert (run.state, run.outcome, run.error, run.repairs) == (RowState.STARTED, None, None, 1)
    assert run.ended_at is None
    assert record.finish_run(end(ended_at=3_000), ["mail"])
    numbers = [(each.signal, each.end_number) for each in record.list_due_deliveries()]
    assert sorted(numbers) == [("run_finished", 1), ("run_finished", 2), ("run_repaired", 1)]


@pytest.mark.parametrize(
    ("ended_at", "expected"),
    [(2_000, (RowState.STARTED, None, None)), (1_999, (RowState.ENDED, "failed", "Boom"))],
)
def test_reopen_run_keeps_the_end_of_the_repair(
    record: Record, ended_at: int, expected: tuple[RowState, str | None, str | None]
) -> None:
    """It may be recorded before the repair, which a database that is down delays."""
    row_id = add_run(record)
    record.finish_run(end(outcome="failed", error="Boom", ended_at=2_000))
    assert record.reopen_run(1, 7, 31, ended_at, ["mail"])
    run = get(record, row_id)
    assert (run.state, run.outcome, run.error) == expected
    assert (run.repairs, len(record.list_due_deliveries())) == (1, 1)


def test_reopen_run_counts_a_repeated_repair_once(record: Record) -> None:
    """The database may die between the commit and its response."""
    row_id = add_run(record)
    for repair_id in (31, 31, 32):
        assert record.reopen_run(1, 7, repair_id, 2_000, ["mail"])
    assert get(record, row_id).repairs == 2
    assert [each.end_number for each in record.list_due_deliveries()] == [1, 2]


def test_finish_run_later_end_counts_as_repaired_elsewhere(record: Record) -> None:
    row_id = add_run(record)
    record.finish_run(end(outcome="failed", error="Boom"))
    assert record.finish_run(end(ended_at=3_000))
    run = get(record, row_id)
    assert (run.outcome, run.error, run.ends) == ("succeeded", None, 2)


def test_continue_run_undoes_no_later_end(record: Record) -> None:
    row_id = add_run(record)
    record.finish_run(end(outcome="failed", error="Boom"))
    failed = get(record, row_id)
    record.continue_run(failed)
    run = get(record, row_id)
    assert (run.state, run.outcome, run.error, run.repairs) == (RowState.STARTED, None, None, 0)
    record.continue_run(run)
    assert get(record, row_id) == run
    record.finish_run(end(ended_at=3_000))
    record.continue_run(failed)
    assert get(record, row_id).outcome == "succeeded"


def test_prune_keeps_unfinished_runs_for_longer(record: Record, clock: FakeClock) -> None:
    add_run(record, 1)
    add_run(record, 2)
    record.finish_run(end(1), ["mail"])
    clock.sleep(10)
    later = round(clock.now() * 1000)
    add_run(record, 3)
    record.finish_run(end(3))
    assert record.prune(later) == 1
    assert [run.run_id for run in record.list_runs()] == [3, 2]
    assert record.list_undelivered() == []
    assert record.prune(later + UNFINISHED_EXTRA_MS) == 2


def test_parameters_of_the_request_stay_until_a_repair(record: Record) -> None:
    row_id = add_run(record, 7, params='{"args": ["first"]}')
    record.finish_run(end(7, params='{"args": ["first"], "job_parameters": {"a": "1"}}'))
    assert get(record, row_id).params == '{"args": ["first"]}'
    record.finish_run(end(7, ended_at=9_000, params='{"args": ["second"]}'))
    assert get(record, row_id).params == '{"args": ["second"]}'
    record.finish_run(end(7, ended_at=9_500))
    assert get(record, row_id).params == '{"args": ["second"]}'


def test_found_run_has_the_parameters_and_the_duration_of_its_last_end(record: Record) -> None:
    record.add_found_run("etl", 1, 7, started_at=1_000)
    record.finish_run(end(7, params='{"args": ["first"]}', duration=900))
    (run,) = record.list_runs()
    assert (run.params, run.duration) == ('{"args": ["first"]}', 900)
    record.reopen_run(1, 7, 70, 2_000, [])
    assert get(record, run.id).duration is None
    record.finish_run(end(7, ended_at=9_000))
    assert get(record, run.id).duration is None, "that of the first end does not stay"


def test_abandon_run_changes_no_end_that_is_known(record: Record, clock: FakeClock) -> None:
    for run_id in (7, 8):
        add_run(record, run_id)
    record.finish_run(end(8))
    for run_id in (7, 8, 9):
        record.abandon_run(1, run_id, "Gone.")
    clock.sleep(1)
    record.abandon_run(1, 7, "Gone again.")
    ends = {run.run_id: (run.outcome, run.ends, run.error) for run in record.list_runs()}
    assert ends == {7: ("unknown", 1, "Gone."), 8: ("succeeded", 1, None)}
