"""The id of a state: pure, the same everywhere, and in the order in which states come."""

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
    state_of,
    task,
    words,
)

TASKS = [
    task("load", SUCCEEDED, run_id=1, end_time=5),
    task("report", words("RUNNING"), run_id=2),
]

#: What changes from look to look without being news.
CLOCKS = [
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
)


@given(state_ids)
def test_an_id_is_read_back_as_it_was_written(state: StateId) -> None:
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
def test_junk_is_no_id(junk: str) -> None:
    assert StateId.parse(junk) is None


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    state = StateId.parse(text)
    assert state is None or str(state) == text


@given(st.dictionaries(st.sampled_from(CLOCKS), st.integers(0, 2**40)))
def test_clocks_and_durations_are_no_news(clocks: dict[str, Any]) -> None:
    still = state_of(run(tasks=TASKS))
    assert state_of(run(tasks=TASKS, **clocks)) == still
    later: list[Document] = [TASKS[0], {**TASKS[1], **clocks}]
    assert state_of(run(tasks=later)) == still


@pytest.mark.parametrize(
    "other",
    [
        run(words("TERMINATING"), tasks=TASKS),
        run(words("RUNNING", message="In run"), tasks=TASKS),
        run(words("RUNNING", status="RUNNING"), tasks=TASKS),
        run(tasks=TASKS[:1]),
        run(tasks=[TASKS[0], task("report", words("TERMINATING"), run_id=2)]),
        run(tasks=[TASKS[0], task("report", SUCCEEDED, run_id=2)]),
        run(tasks=[TASKS[0], task("report", words("RUNNING"), run_id=3, attempt_number=1)]),
        run(SUCCEEDED, tasks=TASKS),
        run(FAILED, tasks=TASKS),
    ],
)
def test_what_a_viewer_would_see_is_news(other: Any) -> None:
    assert state_of(other) != state_of(run(tasks=TASKS))


#: The life of a run whose first task fails once, is retried, and whose second is canceled.
LIFE = [
    run(words("QUEUED")),
    run(words("PENDING")),
    run(tasks=[task("load", words("PENDING"))]),
    run(tasks=[task("load", words("RUNNING"))]),
    run(tasks=[task("load", FAILED)]),
    run(tasks=[task("load", FAILED), task("load", words("PENDING"), run_id=2, attempt_number=1)]),
    run(tasks=[task("load", FAILED), task("load", SUCCEEDED, run_id=2, attempt_number=1)]),
    run(
        words("TERMINATING"),
        tasks=[
            task("load", FAILED),
            task("load", SUCCEEDED, run_id=2, attempt_number=1),
            task("report", words("TERMINATING"), run_id=3),
        ],
    ),
    run(
        words("TERMINATED", "CANCELED"),
        tasks=[
            task("load", FAILED),
            task("load", SUCCEEDED, run_id=2, attempt_number=1),
            task("report", words("TERMINATED", "CANCELED"), run_id=3),
        ],
    ),
]


def test_no_later_state_is_before_an_earlier_one() -> None:
    ids = [state_of(moment) for moment in LIFE]
    assert len(set(ids)) == len(ids)
    for position, earlier in enumerate(ids):
        assert not earlier.is_before(earlier)
        for later in ids[position + 1 :]:
            assert not later.is_before(earlier)


def test_a_state_that_lags_behind_is_known_by_its_id() -> None:
    started, ended = state_of(LIFE[3]), state_of(LIFE[-1])
    assert started.is_before(ended)
    assert state_of(LIFE[0]).is_before(state_of(LIFE[1]))


WORDS_IN_ORDER = ["QUEUED", "PENDING", "RUNNING", "TERMINATING"]


@pytest.mark.parametrize("word", ["BLOCKED", "WAITING_FOR_RETRY", "WAITING", "A_WORD_OF_TOMORROW"])
@pytest.mark.parametrize("other", WORDS_IN_ORDER)
def test_words_without_a_place_come_before_and_after_all_but_the_end(word: str, other: str) -> None:
    unplaced, placed, ended = (
        state_of(run(doing)) for doing in (words(word), words(other), SUCCEEDED)
    )
    assert unplaced != placed
    assert not unplaced.is_before(placed)
    assert not placed.is_before(unplaced)
    assert unplaced.is_before(ended)
    assert not ended.is_before(unplaced)


def test_words_with_a_place_come_in_order() -> None:
    ids = [state_of(run(words(word))) for word in WORDS_IN_ORDER]
    assert [[before.is_before(after) for after in ids] for before in ids] == [
        [False, True, True, True],
        [False, False, True, True],
        [False, False, False, True],
        [False, False, False, False],
    ]


@given(state_ids, state_ids)
def test_of_two_states_at_most_one_is_before_the_other(one: StateId, two: StateId) -> None:
    assert not (one.is_before(two) and two.is_before(one))


@given(st.permutations([*TASKS, task("load", FAILED, run_id=3), task("load", FAILED, run_id=4)]))
def test_the_order_in_which_tasks_are_given_is_no_news(tasks: list[Document]) -> None:
    assert state_of(run(tasks=tasks)) == state_of(run(tasks=sorted(tasks, key=str)))


def test_a_repair_goes_on_from_the_end() -> None:
    ended = state_of(run(FAILED_BY_TASK, tasks=[task("load", FAILED)]))
    repaired = state_of(run(tasks=[task("load", words("RUNNING"), run_id=2, attempt_number=1)]))
    assert not repaired.is_before(ended)
    assert ended.is_before(repaired)


@pytest.mark.parametrize(
    ("doing", "is_terminal"),
    [
        (SUCCEEDED, True),
        (FAILED_BY_TASK, True),
        (words("SKIPPED"), True),
        (words(status="TERMINATED"), True),
        (words("TERMINATING"), False),
        (words("A_WORD_OF_TOMORROW"), False),
        ({"state": {}}, False),
    ],
)
def test_an_id_tells_the_end(doing: Document, is_terminal: bool) -> None:
    assert state_of(run(doing)).is_terminal is is_terminal
    assert Snapshot.of(RunStatus(1, run(doing))).is_terminal is is_terminal


def test_another_process_gives_the_same_id() -> None:
    program = (
        "from tests.watching.test_snapshot import LIFE, state_of\n"
        "print(*(state_of(moment) for moment in LIFE))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert other.stdout.split() == [str(state_of(moment)) for moment in LIFE]


def test_a_snapshot_is_one_json_object_in_one_line() -> None:
    status = RunStatus(1_764_000_000_000, run(tasks=TASKS, run_name="ü\u2028\n"))
    snapshot = Snapshot.of(status)
    assert json.loads(snapshot.data) == status.to_dict()
    assert snapshot.data.isascii()
    assert "\n" not in snapshot.data
    assert snapshot.id == state_of(status.run)
    assert snapshot.status is status


def test_the_status_that_another_process_saw_is_made_only_when_somebody_asks() -> None:
    made: list[dict[str, Any]] = []
    status = RunStatus(5, run())

    def restore(stored: dict[str, Any]) -> RunStatus:
        made.append(stored)
        return status

    there = Snapshot.of(status)
    here = Snapshot(there.id, there.data, restore)
    assert not here.is_terminal
    assert made == []
    assert here.status is status
    assert here.status is status
    assert made == [status.to_dict()]
