"""The SparkContext and the RDDs of a task on Sail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.spark.frames.local_rdds import LocalContext

PAIRS = [("a", 1), ("b", 2), ("a", 3)]
OUTER = [("a", (1, None)), ("b", (2, 2)), ("a", (3, None))]


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
        (lambda rdd: rdd.reduceByKey(lambda one, two: one + two).collectAsMap(), {"a": 4, "b": 2}),
        (lambda rdd: rdd.keys().distinct().collect(), ["a", "b"]),
        (lambda rdd: rdd.values().sum(), 6),
        (lambda rdd: rdd.values().reduce(max), 3),
        (lambda rdd: rdd.sortBy(lambda pair: pair[1], ascending=False).first(), ("a", 3)),
        (lambda rdd: rdd.union(rdd).cache().count(), 6),
        (lambda rdd: rdd.zipWithIndex().values().collect(), [0, 1, 2]),
        (lambda rdd: rdd.sortByKey(False).keys().collect(), ["b", "a", "a"]),
        (lambda rdd: rdd.join(rdd.mapValues(str)).count(), 5),
        (lambda rdd: rdd.leftOuterJoin(rdd.filter(lambda pair: pair[0] == "b")).collect(), OUTER),
        (lambda rdd: rdd.flatMapValues(range).values().collect(), [0, 0, 1, 0, 1, 2]),
        (lambda rdd: rdd.keys().zip(rdd.values()).collect(), PAIRS),
        (lambda rdd: rdd.countByKey(), {"a": 2, "b": 1}),
        (lambda rdd: rdd.countByKey()["none"], 0),
        (lambda rdd: rdd.values().takeOrdered(2), [1, 2]),
        (lambda rdd: rdd.values().top(1, key=lambda value: -value), [1]),
        (lambda rdd: (rdd.values().max(), rdd.values().min(), rdd.values().mean()), (3, 1, 2.0)),
        (lambda rdd: rdd.isEmpty(), False),
        (lambda rdd: rdd.map(lambda pair: (*pair, 0)).keys().collect(), ["a", "b", "a"]),
        (lambda rdd: rdd.map(lambda pair: (*pair, 0)).mapValues(str).values().first(), "1"),
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


def test_accumulator_counts_in_functions_of_an_rdd() -> None:
    spark_context = context()
    total = spark_context.accumulator(1)

    def add_all(values: Iterator[int]) -> None:
        nonlocal total
        for value in values:
            total += value

    numbers = spark_context.parallelize([1, 2])
    numbers.foreach(total.add)
    numbers.foreachPartition(add_all)
    assert total.value == 7
