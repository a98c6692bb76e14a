"""The outcome of every state of a run."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from databricks.sdk.service.jobs import (
    BaseRun,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    TerminationCodeCode,
)
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidRequest, Outcome, RunStatus
from flask_lakeflow_jobs.runs.outcome import (
    BY_TERMINATION_CODE,
    NEVER_STARTED,
    SUCCESSES,
    StateFields,
    classify,
    find_attempt,
    find_root_causes,
    has_ended,
    life_cycle_of,
    outcome_of,
    parse_state,
    select_last_attempts,
)
from tests.run_documents import FAILED, FAILED_BY_TASK, SUCCEEDED, run, run_state, sdk_task, task
from tests.support import needs_newer_sdk

LIFE_CYCLES = [value.value for value in RunLifeCycleState]
RESULTS = [value.value for value in RunResultState]
STATUSES = [value.value for value in RunLifecycleStateV2State]
CODES = [value.value for value in TerminationCodeCode]

TERMINAL_STATES = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}

#: Words of the SDK that are known to have no meaning here. None, today.
KNOWN_UNMAPPED: frozenset[str] = frozenset()

NEW_VALUE = (
    "The SDK knows the {kind} {value!r}, and outcome.py does not. Map it there, or list it in"
    " KNOWN_UNMAPPED with a reason."
)


def any_of(known: list[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(known), st.text(max_size=12))


any_state = st.builds(
    StateFields,
    life_cycle=any_of(LIFE_CYCLES),
    result=any_of(RESULTS),
    status=any_of(STATUSES),
    termination_code=any_of(CODES),
    message=st.just(""),
)


def test_outcome_formats_as_its_value() -> None:
    for outcome in Outcome:
        assert f"{outcome}" == str(outcome) == outcome.value
        assert json.dumps(outcome) == f'"{outcome.value}"'


@pytest.mark.parametrize(
    ("state_part", "expected"),
    [
        (run_state("QUEUED"), "queued"),
        (run_state("PENDING"), "pending"),
        (run_state("RUNNING"), "running"),
        (run_state("BLOCKED"), "blocked"),
        (run_state("WAITING_FOR_RETRY"), "waiting_for_retry"),
        (run_state("TERMINATING"), "terminating"),
        (run_state("TERMINATING", status="TERMINATING", code="USER_CANCELED"), "terminating"),
        (run_state("TERMINATED", "SUCCESS"), "succeeded"),
        (run_state("TERMINATED", "SUCCESS_WITH_FAILURES"), "succeeded_with_failures"),
        (run_state("TERMINATED", "FAILED"), "failed"),
        (run_state("TERMINATED", "TIMEDOUT"), "timed_out"),
        (run_state("TERMINATED", "CANCELED"), "canceled"),
        (run_state("TERMINATED", "EXCLUDED"), "excluded"),
        (run_state("TERMINATED", "DISABLED"), "disabled"),
        (run_state("TERMINATED", "UPSTREAM_FAILED"), "upstream_failed"),
        (run_state("TERMINATED", "UPSTREAM_CANCELED"), "upstream_canceled"),
        (run_state("TERMINATED", "MAXIMUM_CONCURRENT_RUNS_REACHED"), "skipped"),
        (run_state("SKIPPED"), "skipped"),
        (run_state("INTERNAL_ERROR"), "internal_error"),
        (FAILED_BY_TASK, "failed"),
        (FAILED, "failed"),
        (SUCCEEDED, "succeeded"),
        (run_state(status="QUEUED"), "queued"),
        pytest.param(run_state(status="WAITING"), "waiting_for_retry", marks=needs_newer_sdk),
        (run_state(status="TERMINATED", code="SUCCESS"), "succeeded"),
        (run_state(status="TERMINATED", code="USER_CANCELED"), "canceled"),
        (run_state(status="TERMINATED", code="SKIPPED"), "skipped"),
        (run_state(status="TERMINATED", code="MAX_CONCURRENT_RUNS_EXCEEDED"), "skipped"),
        (run_state(status="TERMINATED", code="DRIVER_ERROR"), "failed"),
        (run_state("INTERNAL_ERROR", status="TERMINATED", code="CLUSTER_ERROR"), "failed"),
        (run_state("INTERNAL_ERROR", "SUCCESS"), "internal_error"),
        (run_state("INTERNAL_ERROR", "SUCCESS_WITH_FAILURES"), "internal_error"),
        (run_state("INTERNAL_ERROR", status="TERMINATED", code="SUCCESS"), "internal_error"),
        (run_state("SKIPPED", "SUCCESS"), "skipped"),
        (run_state("SKIPPED", status="TERMINATED", code="SUCCESS"), "skipped"),
        (run_state("SKIPPED", status="TERMINATED", code="A_NEW_VALUE"), "skipped"),
        (run_state("TERMINATED", "SUCCESS", status="TERMINATED", code="DRIVER_ERROR"), "failed"),
        (run_state("TERMINATED", "SUCCESS", status="TERMINATED", code="USER_CANCELED"), "canceled"),
        (
            run_state("TERMINATED", "SUCCESS_WITH_FAILURES", status="TERMINATED", code="SUCCESS"),
            "succeeded_with_failures",
        ),
        (
            run_state("TERMINATED", "SUCCESS", status="TERMINATED", code="A_NEW_VALUE"),
            "succeeded",
        ),
        (
            run_state("TERMINATED", "A_NEW_VALUE", status="TERMINATED", code="SUCCESS"),
            "unknown",
        ),
        (run_state("RUNNING", status="TERMINATED", code="SUCCESS"), "succeeded"),
        (run_state("TERMINATED"), "unknown"),
        (run_state("TERMINATED", "A_NEW_VALUE"), "unknown"),
        (run_state("A_NEW_VALUE"), "unknown"),
        (run_state("A_NEW_VALUE", status="RUNNING"), "running"),
        (run_state(status="TERMINATED", code="A_NEW_VALUE"), "unknown"),
        ({}, "unknown"),
    ],
)
def test_outcome_of_recorded_states(state_part: dict[str, object], expected: str) -> None:
    assert outcome_of(sdk_task({"task_key": "t", **state_part})).value == expected
    assert outcome_of(run(state_part) if state_part else run({"state": None})).value == expected
    assert outcome_of({"state": None, **state_part}).value == expected


@pytest.mark.parametrize(
    "state_part", [{"state": "x"}, {"state": {"life_cycle_state": 5}, "status": []}]
)
def test_parse_state_ignores_values_that_are_no_strings(state_part: dict[str, object]) -> None:
    assert outcome_of(state_part) is Outcome.UNKNOWN
    assert parse_state(state_part).life_cycle is None


@pytest.mark.parametrize(
    ("state_part", "expected"),
    [
        (run_state("SKIPPED", ""), Outcome.SKIPPED),
        (run_state("INTERNAL_ERROR", ""), Outcome.INTERNAL_ERROR),
        (run_state("", "", status="TERMINATED", code="SUCCESS"), Outcome.SUCCEEDED),
        (run_state("", "", status="RUNNING"), Outcome.RUNNING),
    ],
)
def test_parse_state_ignores_empty_strings(
    state_part: dict[str, object], expected: Outcome
) -> None:
    assert outcome_of(state_part) is expected


def test_classify_success_with_other_code_is_the_codes_outcome() -> None:
    state = StateFields(
        life_cycle="TERMINATED",
        result="SUCCESS",
        status="TERMINATED",
        termination_code="SUCCESS_WITH_FAILURES",  # which older SDKs do not know
        message="",
    )
    assert classify(state) is Outcome.SUCCEEDED_WITH_FAILURES


@pytest.mark.parametrize("value", LIFE_CYCLES)
def test_every_life_cycle_state_of_the_sdk_has_an_outcome(value: str) -> None:
    a_run = run(run_state(value, "FAILED" if value in TERMINAL_STATES else None))
    assert outcome_of(a_run) is not Outcome.UNKNOWN or value in KNOWN_UNMAPPED, NEW_VALUE.format(
        kind="life-cycle state", value=value
    )
    assert has_ended(a_run) == (value in TERMINAL_STATES)


@pytest.mark.parametrize("value", STATUSES)
def test_every_status_state_of_the_sdk_has_an_outcome(value: str) -> None:
    a_run = run(run_state(status=value, code="USER_CANCELED" if value == "TERMINATED" else None))
    assert outcome_of(a_run) is not Outcome.UNKNOWN or value in KNOWN_UNMAPPED, NEW_VALUE.format(
        kind="status", value=value
    )
    assert has_ended(a_run) == (value == "TERMINATED")


def test_every_result_state_and_termination_code_of_the_sdk_has_an_outcome() -> None:
    states = [
        *(("result state", value, run_state("TERMINATED", value)) for value in RESULTS),
        *(
            ("termination code", value, run_state(status="TERMINATED", code=value))
            for value in CODES
        ),
    ]
    for kind, value, state in states:
        outcome = outcome_of(run(state))
        assert outcome is not Outcome.UNKNOWN or value in KNOWN_UNMAPPED, NEW_VALUE.format(
            kind=kind, value=value
        )
        assert (outcome in SUCCESSES) == value.startswith("SUCCESS"), value


@given(any_state)
def test_outcome_of_any_state_is_success_only_if_stated(state: StateFields) -> None:
    outcome = classify(state)
    assert outcome in Outcome
    if outcome in SUCCESSES:
        assert state.has_ended
        stated = state.result or state.termination_code
        assert stated in ("SUCCESS", "SUCCESS_WITH_FAILURES")
        assert state.life_cycle not in ("INTERNAL_ERROR", "SKIPPED")
        by_code = BY_TERMINATION_CODE.get(state.termination_code or "")
        assert by_code is None or by_code in SUCCESSES


@given(any_state)
def test_outcome_of_unrecognized_result_is_unknown(state: StateFields) -> None:
    if state.has_ended and state.result not in (None, *RESULTS):
        assert classify(state) is Outcome.UNKNOWN


@given(
    life_cycle=any_of(LIFE_CYCLES),
    result=any_of(RESULTS),
    status=any_of(STATUSES),
    code=any_of(CODES),
)
def test_outcome_of_any_document_does_not_fail(
    life_cycle: str | None, result: str | None, status: str | None, code: str | None
) -> None:
    state = RunStatus(
        1, run({**run_state(life_cycle, result, status=status, code=code), "run_name": "n"})
    )
    assert state.outcome in Outcome
    assert isinstance(state.status, str)
    assert json.loads(json.dumps(state.to_dict()))["outcome"] == state.outcome.value


def test_life_cycle_of_returns_the_life_cycle_state() -> None:
    assert life_cycle_of(run(SUCCEEDED)) == "TERMINATED"
    assert life_cycle_of(run(FAILED_BY_TASK)) == "INTERNAL_ERROR"
    assert life_cycle_of(run(run_state(status="QUEUED"))) == "QUEUED"
    assert life_cycle_of(run({"state": {}})) == "UNKNOWN"


def test_life_cycle_of_ended_run_is_a_terminal_state() -> None:
    assert life_cycle_of(run(run_state("RUNNING", status="TERMINATED"))) == "TERMINATED"
    assert life_cycle_of(run(run_state("SKIPPED", status="TERMINATED"))) == "SKIPPED"


def test_run_status_has_the_attributes_of_the_contract() -> None:
    status = RunStatus(1_764_000_000_000, run(SUCCEEDED, run_name="nightly"))
    assert (status.is_terminal, status.succeeded, status.failed) == (True, True, False)
    assert status.to_dict() == {
        "status": "TERMINATED",
        "outcome": "succeeded",
        "timestamp": 1_764_000_000_000,
        "run": status.run.as_dict(),
    }
    assert status.to_dict()["run"]["run_name"] == "nightly"


@given(any_state)
def test_run_status_of_ended_run_either_succeeded_or_failed(state: StateFields) -> None:
    document = {
        "run_id": 7,
        "state": {"life_cycle_state": state.life_cycle, "result_state": state.result},
        "status": {"state": state.status},
    }
    status = RunStatus(0, Run(run_id=7), document=document)
    assert status.succeeded + status.failed == status.is_terminal
    assert status.succeeded == (status.outcome in SUCCESSES)


def test_run_status_repr_is_short_and_names_the_run() -> None:
    status = RunStatus(0, run(SUCCEEDED, tasks=[task("load", FAILED)] * 100))
    assert repr(status) == f"<RunStatus of run {status.run.run_id}: succeeded>"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"state": {"state_message": "In run"}}, "In run"),
        ({"state": {"queue_reason": "Queued due to 1."}}, "Queued due to 1."),
        (
            {"status": {"state": "TERMINATED", "termination_details": {"message": "It broke"}}},
            "It broke",
        ),
        ({"status": {"state": "QUEUED", "queue_details": {"message": "Slots"}}}, "Slots"),
        ({"state": {}}, ""),
    ],
)
def test_parse_state_finds_the_message_in_every_place(
    document: dict[str, object], message: str
) -> None:
    assert parse_state(run(document)).message == message


def test_select_last_attempts_of_retried_task_keeps_the_last() -> None:
    attempts = [
        task("load", FAILED, run_id=1),
        task("load", FAILED, run_id=3, attempt_number=1),
        task("load", SUCCEEDED, run_id=4, attempt_number=2),
        task("check", SUCCEEDED, run_id=2),
    ]
    for order in itertools.permutations(attempts):
        tasks = run(tasks=list(order)).tasks
        assert sorted(task.run_id or 0 for task in select_last_attempts(tasks)) == [2, 4]
        assert find_root_causes(tasks) == []
    assert select_last_attempts(None) == []


def test_find_root_causes_sorts_root_causes_by_end() -> None:
    tasks = run(
        tasks=[
            task("late", FAILED, end_time=200),
            task("early", run_state("TERMINATED", "TIMEDOUT"), end_time=100),
            task("stopped", run_state("TERMINATED", "CANCELED"), end_time=150),
            task("fine", SUCCEEDED, end_time=50),
            task("going", run_state("RUNNING")),
            *(
                task(value.lower(), run_state("TERMINATED", value), end_time=10)
                for value in ("UPSTREAM_FAILED", "UPSTREAM_CANCELED", "EXCLUDED", "DISABLED")
            ),
            task("skipped", run_state("SKIPPED"), end_time=10),
        ]
    ).tasks
    assert [task.task_key for task in find_root_causes(tasks)] == ["early", "stopped", "late"]


def test_consequences_and_successes_are_disjoint() -> None:
    assert not NEVER_STARTED & SUCCESSES


def test_outcome_label_is_its_value_in_plain_words() -> None:
    assert Outcome.SUCCEEDED_WITH_FAILURES.label == "succeeded with failures"
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", outcome.label) for outcome in Outcome)


def test_dataclass_has_ended_as_its_document_has() -> None:
    for life_cycle, status in itertools.product([None, *LIFE_CYCLES], [None, *STATUSES]):
        document = {
            "run_id": 1,
            **({"state": {"life_cycle_state": life_cycle}} if life_cycle else {}),
            **({"status": {"state": status}} if status else {}),
        }
        for dataclass in (Run.from_dict(document), BaseRun.from_dict(document)):
            assert has_ended(dataclass) is has_ended(document), document


def test_find_attempt_is_by_key_and_number() -> None:
    attempts = [task("a", FAILED, run_id=1), task("a", SUCCEEDED, run_id=2, attempt_number=1)]
    tasks = run(SUCCEEDED, tasks=[*attempts, {"task_key": "b"}]).tasks
    assert find_attempt(tasks, "a").run_id == 2
    assert [find_attempt(tasks, "a", attempt).run_id for attempt in (1, 2)] == [1, 2]
    with pytest.raises(InvalidRequest, match="has no attempt 3"):
        find_attempt(tasks, "a", 3)
    with pytest.raises(InvalidRequest, match="no task 'b'"):
        find_attempt(tasks, "b")
