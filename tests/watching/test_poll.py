"""A poll that no longer advances is given up, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.watching.lease import TICK_SECONDS
from flask_lakeflow_jobs.watching.poll import Poll, PollAbandoned

STEPS = st.lists(st.sampled_from([0.0, TICK_SECONDS, 1.0]), max_size=20)


@given(before=STEPS, after=STEPS)
def test_count_idle_counts_the_seconds_since_the_last_advance(
    before: list[float], after: list[float]
) -> None:
    poll = Poll([], 0)
    for elapsed in before:
        poll.count_idle(elapsed)
    poll.advance()
    assert poll.count_idle(1.0) == 0.0
    for elapsed in after:
        poll.count_idle(elapsed)
    assert poll.count_idle(0.0) == sum(after)


def test_advance_of_an_abandoned_poll_raises() -> None:
    poll = Poll([], 0)
    poll.is_abandoned = True
    with pytest.raises(PollAbandoned):
        poll.advance()
