"""The SparkContext and the RDDs of a task on Sail, which has none: lists in the task's process."""

from __future__ import annotations

import heapq
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import chain
from statistics import fmean
from types import SimpleNamespace
from typing import Any

# pyspark loads this module, so its own parts are imported in functions.
_IGNORED = (
    "addFile",
    "addPyFile",
    "cancelAllJobs",
    "setCheckpointDir",
    "setJobDescription",
    "setJobGroup",
    "setLocalProperty",
    "setLogLevel",
)


class LocalContext:
    """The SparkContext of a session."""

    applicationId = "local"
    appName = "local"
    master = "local[*]"
    uiWebUrl = None

    def __init__(self, session: Any) -> None:
        self._session = session

    @staticmethod
    def getOrCreate(conf: Any = None) -> LocalContext:
        from pyspark.sql import SparkSession

        return SparkSession.builder.getOrCreate().sparkContext  # type: ignore[no-any-return]

    @property
    def defaultParallelism(self) -> int:
        return os.cpu_count() or 1

    @property
    def version(self) -> str:
        return str(self._session.version)

    def getConf(self) -> Any:
        return self._session.conf

    def parallelize(self, c: Iterable[Any], numSlices: int | None = None) -> LocalRdd:
        return LocalRdd(self._session, lambda: iter(c))

    def emptyRDD(self) -> LocalRdd:
        return self.parallelize(())

    def textFile(self, name: str, *_: Any) -> LocalRdd:
        return self._session.read.text(name).rdd.map(lambda row: row[0])  # type: ignore[no-any-return]

    def broadcast(self, value: Any) -> Any:
        nothing = lambda *_: None  # noqa: E731
        return SimpleNamespace(value=value, unpersist=nothing, destroy=nothing)

    def accumulator(self, value: Any, *_: Any) -> LocalAccumulator:
        return LocalAccumulator(value)

    def __getattr__(self, name: str) -> Any:
        if name in _IGNORED:
            return lambda *_, **__: None
        raise _not_supported(f"sparkContext.{name}")


class LocalAccumulator:
    """A value to which a task adds."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def add(self, term: Any) -> None:
        self.value += term

    def __iadd__(self, term: Any) -> LocalAccumulator:
        self.add(term)
        return self


class LocalRdd:
    """The elements of a list, which are computed when they are needed, with the methods of an RDD.

    :param iterate: returns them.
    """

    def __init__(self, session: Any, iterate: Callable[[], Iterator[Any]]) -> None:
        self._session = session
        self._iterate = iterate

    def __iter__(self) -> Iterator[Any]:
        return self._iterate()

    def cache(self, *_: Any) -> LocalRdd:
        return self

    persist = unpersist = repartition = coalesce = cache

    def toDF(self, schema: Any = None, sampleRatio: Any = None) -> Any:
        return self._session.createDataFrame(list(self), schema)

    def __getattr__(self, name: str) -> Any:
        if (find := _RESULTS.get(name)) is not None:
            return lambda *arguments, **named: find(self, *arguments, **named)
        if (change := _CHANGES.get(name)) is None:
            raise _not_supported(f"rdd.{name}")
        return lambda *arguments, **named: LocalRdd(
            self._session, lambda: iter(change(self, *arguments, **named))
        )


def _group(rows: Iterable[Any], *_: Any) -> Iterable[Any]:
    found: dict[Any, list[Any]] = {}
    for key, value in rows:
        found.setdefault(key, []).append(value)
    return found.items()


def _join(rows: Iterable[Any], other: Iterable[Any], unmatched: tuple[Any, ...]) -> Iterator[Any]:
    found = dict(_group(other))
    for key, value in rows:
        for right in found.get(key, unmatched):
            yield key, (value, right)


def _find_first(rows: Iterable[Any]) -> Any:
    """Return the first element.

    :raises ValueError: there is none.
    """
    for each in rows:
        return each
    raise ValueError("RDD is empty")


def _for_each(rows: Iterable[Any], f: Callable[[Any], Any]) -> None:
    for each in rows:
        f(each)


#: The methods that return an RDD, as functions of its elements.
_CHANGES: dict[str, Callable[..., Iterable[Any]]] = {
    "distinct": lambda rows, *_: dict.fromkeys(rows),
    "filter": lambda rows, f: filter(f, rows),
    "flatMap": lambda rows, f, *_: chain.from_iterable(map(f, rows)),
    "flatMapValues": lambda rows, f: ((pair[0], each) for pair in rows for each in f(pair[1])),
    "groupByKey": _group,
    "join": lambda rows, other, *_: _join(rows, other, ()),
    "keys": lambda rows: (pair[0] for pair in rows),
    "leftOuterJoin": lambda rows, other, *_: _join(rows, other, (None,)),
    "map": lambda rows, f, *_: map(f, rows),
    "mapPartitions": lambda rows, f, *_: f(iter(rows)),
    "mapValues": lambda rows, f: ((pair[0], f(pair[1])) for pair in rows),
    "reduceByKey": lambda rows, func, *_: (
        (key, reduce(func, values)) for key, values in _group(rows)
    ),
    "sortBy": lambda rows, keyfunc, ascending=True, *_: sorted(
        rows, key=keyfunc, reverse=not ascending
    ),
    "sortByKey": lambda rows, ascending=True, *_: sorted(
        rows, key=lambda pair: pair[0], reverse=not ascending
    ),
    "union": lambda rows, other: chain(rows, other),
    "values": lambda rows: (pair[1] for pair in rows),
    "zip": lambda rows, other: zip(rows, other, strict=True),
    "zipWithIndex": lambda rows: ((value, index) for index, value in enumerate(rows)),
}
#: The methods that return something else.
_RESULTS: dict[str, Callable[..., Any]] = {
    "collect": list,
    "collectAsMap": lambda rows: dict(iter(rows)),
    "count": lambda rows: len(list(rows)),
    "countByKey": lambda rows: defaultdict(int, Counter(pair[0] for pair in rows)),
    "countByValue": lambda rows: defaultdict(int, Counter(rows)),
    "first": _find_first,
    "foreach": _for_each,
    "foreachPartition": lambda rows, f: f(iter(rows)),
    "getNumPartitions": lambda rows: 1,
    "isEmpty": lambda rows: not list(rows),
    "max": lambda rows, key=None: max(rows, key=key),
    "mean": fmean,
    "min": lambda rows, key=None: min(rows, key=key),
    "reduce": lambda rows, f: reduce(f, rows),
    "sum": sum,
    "take": lambda rows, num: list(rows)[:num],
    "takeOrdered": lambda rows, num, key=None: heapq.nsmallest(num, rows, key),
    "top": lambda rows, num, key=None: heapq.nlargest(num, rows, key),
}


def take_rdds(create: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method that creates frames take RDDs."""

    def createDataFrame(self: Any, data: Any, *arguments: Any, **named: Any) -> Any:
        rows = list(data) if isinstance(data, LocalRdd) else data
        return create(self, rows, *arguments, **named)

    return createDataFrame


def _not_supported(name: str) -> Exception:
    """Return the error of Spark Connect, for which there is an advice."""
    if name.rpartition(".")[2].startswith("__"):
        return AttributeError(name)
    from pyspark.errors import PySparkAttributeError

    error: Exception = PySparkAttributeError(
        errorClass="JVM_ATTRIBUTE_NOT_SUPPORTED", messageParameters={"attr_name": name}
    )
    return error
