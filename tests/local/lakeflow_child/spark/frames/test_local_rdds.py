"""The SparkContext and the RDDs of a task on Sail."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.frames.local_rdds import LocalContext

PAIRS = [("a", 1), ("b", 2), ("a", 3)]


def context() -> LocalContext:
    session = SimpleNamespace(version="4", createDataFrame=lambda rows, schema: (rows, schema))
    return LocalContext(session)


@pytest.mark.parametrize(
    ("compute", "result"),
    [
        (lambda rdd: rdd.map(lambda pair: pair[1]).collect(), [1, 2, 3]),
        (lambda rdd: rdd.flatMap(lambda pair: pair).take(3), ["a", 1, "b"]),
        (lambda rdd: rdd.filter(lambda pair: pair[1] > 1).count(), 2),
        (lambda rdd: rdd.mapPartitions(lambda pairs: [len([*pairs])]).collect(), [3]),
        (lambda rdd: rdd.map(lambda pair: pair[0]).distinct().cache().collect(), ["a", "b"]),
        (lambda rdd: rdd.zipWithIndex().first(), (("a", 1), 0)),
        (lambda rdd: rdd.isEmpty(), False),
        (lambda rdd: rdd.getNumPartitions(), 1),
        (lambda rdd: rdd.toDF(["k", "v"]), (PAIRS, ["k", "v"])),
    ],
)
def test_rdd_of_a_list(compute: Callable[[Any], Any], result: Any) -> None:
    rdd = context().parallelize(PAIRS)
    assert compute(rdd) == result
    assert compute(rdd) == result  # it can be computed again


def test_context_ignores_what_changes_no_result() -> None:
    found = context()
    found.setLogLevel("WARN")
    found.setJobGroup("a", "b")
    assert found.broadcast(3).value == 3
    assert found.emptyRDD().isEmpty()
    assert found.defaultParallelism > 0
    with pytest.raises(ValueError, match="empty"):
        found.emptyRDD().first()
