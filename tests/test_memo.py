"""Values that are kept within a bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.memo import Memo


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
def test_memo_never_exceeds_its_size(puts: list[tuple[int, int]]) -> None:
    memo: Memo[int, int] = Memo(20, 10)
    sizes: dict[int, int] = {}
    for key, size in puts:
        for dropped in memo.put(key, size, size):
            sizes.pop(dropped, None)
        if size <= 10:
            sizes[key] = size
        assert memo.size == sum(sizes.values()) <= 20
        assert all(memo.get(kept) == sizes.get(kept) for kept in range(6))


def test_memo_drops_the_least_recently_used() -> None:
    memo: Memo[str, int] = Memo(2, 1)
    memo.put("a", 1, 1)
    memo.put("b", 2, 1)
    memo.get("a")
    assert memo.put("c", 3, 1) == ["b"]
    assert [memo.get(key) for key in "abc"] == [1, None, 3]


def test_memo_value_that_is_too_large_replaces_the_earlier_one() -> None:
    memo: Memo[str, int] = Memo(8)
    memo.put("a", 1, 2)
    assert memo.put("a", 2, 3) == ["a"]
    assert memo.get("a") is None
    assert memo.size == 0
