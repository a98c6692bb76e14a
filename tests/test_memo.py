"""Values that are kept within a bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.memo import Memo


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
def test_memo_never_exceeds_its_size(puts: list[tuple[int, int]]) -> None:
    """Each value is its size. Reads in this order make the key with the highest number the last
    to be dropped."""
    memo: Memo[int, int] = Memo(20, 10)
    expected: dict[int, int] = {}
    for key, size in puts:
        memo.put(key, size, size)
        expected.pop(key, None)
        if size <= 10:
            while sum(expected.values()) + size > 20:
                del expected[min(expected)]
            expected[key] = size
        assert {kept: memo.get(kept) for kept in range(6) if memo.get(kept) is not None} == expected


def test_memo_value_that_is_too_large_replaces_the_earlier_one() -> None:
    memo: Memo[str, int] = Memo(8)
    memo.put("a", 1, 2)
    memo.put("a", 2, 3)
    assert memo.get("a") is None
