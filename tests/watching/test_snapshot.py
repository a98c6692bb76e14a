"""The id of a state is the same in every process, and ordered as states follow each other."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.watching.snapshot import Snapshot, StateId
from tests.run_documents import (
    FAILED,
    FAILED_BY_TASK,
    SUCCEEDED,
    Document,
    run,
    run_state,
    state_id_of,
    task,
)

TASKS = [
    task("load", SUCCEEDED, run_id=1, end_time=5),
    task("report", run_state("RUNNING"), run_id=2),
]

#: Fields that change between polls without a new state.
TIMES = [
    *("start_time", "end_time", "setup_duration", "execution_duration", "cleanup_duration"),
    *("run_duration", "queue_duration"),
]

numbers = st.integers(min_value=0, max_value=999_999)
state_ids = st.builds(
    StateId,
    attempts=numbers,
    rank=st.integers(0, 5),
    done=numbers,
    digest=st.text("0123456789abcdef", min_size=12, max_size=12),
    progress=st.just("") | st.text("0123456789abcdef", min_size=8, max_size=8),
)


@given(state_ids)
def test_state_id_is_parsed_as_it_was_formatted(state: StateId) -> None:
    text = str(state)
    assert StateId.parse(text) == state
    assert text.isascii()
    assert not set(text) & set(" \t\r\n,:;")


@pytest.mark.parametrize(
    "junk",
    [
        *("", "0", "0.2.1", "0.2.1-", "-", "null", "1017", "0.2.1-0123456789AB"),
        *("0.2.1-0123456789abc", "0.2.1-0123456789a", " 0.2.1-0123456789ab"),
        *("0.2.1-0123456789ab\n", "٣.2.1-0123456789ab", "-1.2.1-0123456789ab"),
        *("0.2.1-0123456789ab,", "9" * 5000 + ".2.1-0123456789ab", "\0", "x" * 100_000),
    ],
)
def test_other_text_is_no_state_id(junk: str) -> None:
    assert StateId.parse(junk) is None


@given(st.text())
def test_parsed_text_is_formatted_as_it_was(text: str) -> None:
    state = StateId.parse(text)
    assert state is None or str(state) == text


def test_state_id_is_the_same_in_another_version() -> None:
    """Clients send it back after an upgrade."""
    assert str(state_id_of(run(tasks=TASKS))) == "0.2.1-ab95b29ade22"


@given(st.dictionaries(st.sampled_from(TIMES), st.integers(0, 2**40)))
def test_state_id_ignores_times(times: dict[str, Any]) -> None:
    expected = state_id_of(run(tasks=TASKS))
    assert state_id_of(run(tasks=TASKS, **times)) == expected
    tasks: list[Document] = [TASKS[0], {**TASKS[1], **times}]
    assert state_id_of(run(tasks=tasks)) == expected


@pytest.mark.parametrize(
    "other",
    [
        run(run_state("TERMINATING"), tasks=TASKS),
        run(run_state("RUNNING", message="In run"), tasks=TASKS),
        run(run_state("RUNNING", status="RUNNING"), tasks=TASKS),
        run(tasks=TASKS[:1]),
        run(tasks=[TASKS[0], task("report", run_state("TERMINATING"), run_id=2)]),
        run(tasks=[TASKS[0], task("report", SUCCEEDED, run_id=2)]),
        run(tasks=[TASKS[0], task("report", run_state("RUNNING"), run_id=3, attempt_number=1)]),
        run(SUCCEEDED, tasks=TASKS),
        run(FAILED, tasks=TASKS),
    ],
)
def test_state_id_differs_for_a_visible_change(other: Any) -> None:
    assert state_id_of(other) != state_id_of(run(tasks=TASKS))


#: The life of a run whose first task fails once, is retried, and whose second is canceled.
LIFE = [
    run(run_state("QUEUED")),
    run(run_state("PENDING")),
    run(tasks=[task("load", run_state("PENDING"))]),
    run(tasks=[task("load", run_state("RUNNING"))]),
    run(tasks=[task("load", FAILED)]),
    run(
        tasks=[task("load", FAILED), task("load", run_state("PENDING"), run_id=2, attempt_number=1)]
    ),
    run(tasks=[task("load", FAILED), task("load", SUCCEEDED, run_id=2, attempt_number=1)]),
    run(
        run_state("TERMINATING"),
        tasks=[
            task("load", FAILED),
            task("load", SUCCEEDED, run_id=2, attempt_number=1),
            task("report", run_state("TERMINATING"), run_id=3),
        ],
    ),
    run(
        run_state("TERMINATED", "CANCELED"),
        tasks=[
            task("load", FAILED),
            task("load", SUCCEEDED, run_id=2, attempt_number=1),
            task("report", run_state("TERMINATED", "CANCELED"), run_id=3),
        ],
    ),
]


def test_later_state_is_never_before_an_earlier_one() -> None:
    ids = [state_id_of(moment) for moment in LIFE]
    assert len(set(ids)) == len(ids)
    for position, earlier in enumerate(ids):
        assert not earlier.is_before(earlier)
        for later in ids[position + 1 :]:
            assert not later.is_before(earlier)


def test_earlier_state_is_before_a_later_one() -> None:
    started, ended = state_id_of(LIFE[3]), state_id_of(LIFE[-1])
    assert started.is_before(ended)
    assert state_id_of(LIFE[0]).is_before(state_id_of(LIFE[1]))


RANKED = ["QUEUED", "PENDING", "RUNNING", "TERMINATING"]


@pytest.mark.parametrize("state", ["BLOCKED", "WAITING_FOR_RETRY", "WAITING", "A_NEW_STATE"])
@pytest.mark.parametrize("other", RANKED)
def test_unranked_state_has_an_order_only_with_the_end(state: str, other: str) -> None:
    unranked, ranked, ended = (
        state_id_of(run(doing)) for doing in (run_state(state), run_state(other), SUCCEEDED)
    )
    assert unranked != ranked
    assert not unranked.is_before(ranked)
    assert not ranked.is_before(unranked)
    assert unranked.is_before(ended)
    assert not ended.is_before(unranked)


def test_ranked_states_are_ordered() -> None:
    ids = [state_id_of(run(run_state(state))) for state in RANKED]
    assert [[before.is_before(after) for after in ids] for before in ids] == [
        [False, True, True, True],
        [False, False, True, True],
        [False, False, False, True],
        [False, False, False, False],
    ]


@given(state_ids, state_ids)
def test_is_before_is_antisymmetric(one: StateId, two: StateId) -> None:
    assert not (one.is_before(two) and two.is_before(one))


@given(st.permutations([*TASKS, task("load", FAILED, run_id=3), task("load", FAILED, run_id=4)]))
def test_state_id_ignores_the_order_of_tasks(tasks: list[Document]) -> None:
    assert state_id_of(run(tasks=tasks)) == state_id_of(run(tasks=sorted(tasks, key=str)))


def test_repaired_state_is_after_the_end() -> None:
    ended = state_id_of(run(FAILED_BY_TASK, tasks=[task("load", FAILED)]))
    repaired = state_id_of(
        run(tasks=[task("load", run_state("RUNNING"), run_id=2, attempt_number=1)])
    )
    assert not repaired.is_before(ended)
    assert ended.is_before(repaired)


@pytest.mark.parametrize(
    ("doing", "is_terminal"),
    [
        (SUCCEEDED, True),
        (FAILED_BY_TASK, True),
        (run_state("SKIPPED"), True),
        (run_state(status="TERMINATED"), True),
        (run_state("TERMINATING"), False),
        (run_state("A_NEW_STATE"), False),
        ({"state": {}}, False),
    ],
)
def test_state_id_is_terminal_if_the_run_has_ended(doing: Document, is_terminal: bool) -> None:
    assert state_id_of(run(doing)).is_terminal is is_terminal
    assert Snapshot.from_status(RunStatus(1, run(doing))).is_terminal is is_terminal


def test_state_id_is_the_same_in_another_process() -> None:
    program = (
        "from tests.watching.test_snapshot import LIFE, state_id_of\n"
        "print(*(state_id_of(moment) for moment in LIFE))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert other.stdout.split() == [str(state_id_of(moment)) for moment in LIFE]


def test_snapshot_data_is_one_json_object_in_one_line() -> None:
    status = RunStatus(1_764_000_000_000, run(tasks=TASKS, run_name="ü\u2028\n"))
    snapshot = Snapshot.from_status(status)
    assert json.loads(snapshot.data) == status.to_dict()
    assert snapshot.data.isascii()
    assert "\n" not in snapshot.data
    assert snapshot.id == state_id_of(status.run)
    assert snapshot.status is status


def test_snapshot_of_another_process_restores_its_status_once_on_demand() -> None:
    restored: list[dict[str, Any]] = []
    status = RunStatus(5, run())

    def restore(stored: dict[str, Any]) -> RunStatus:
        restored.append(stored)
        return status

    original = Snapshot.from_status(status)
    snapshot = Snapshot(original.id, original.data, restore)
    assert not snapshot.is_terminal
    assert restored == []
    assert snapshot.status is snapshot.status is status
    assert restored == [status.to_dict()]
