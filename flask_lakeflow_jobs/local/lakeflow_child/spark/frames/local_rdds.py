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

    def map(self, f: Callable[[Any], Any], *_: Any) -> LocalRdd:
        return self._then(lambda each: map(f, each))

    def flatMap(self, f: Callable[[Any], Any], *_: Any) -> LocalRdd:
        return self._then(lambda each: chain.from_iterable(map(f, each)))

    def filter(self, f: Callable[[Any], Any]) -> LocalRdd:
        return self._then(lambda each: filter(f, each))

    def mapPartitions(self, f: Callable[[Any], Any], *_: Any) -> LocalRdd:
        return self._then(lambda each: iter(f(each)))

    def mapValues(self, f: Callable[[Any], Any]) -> LocalRdd:
        return self.map(lambda pair: (pair[0], f(pair[1])))

    def flatMapValues(self, f: Callable[[Any], Any]) -> LocalRdd:
        return self.flatMap(lambda pair: ((pair[0], each) for each in f(pair[1])))

    def reduceByKey(self, func: Callable[[Any, Any], Any], *_: Any) -> LocalRdd:
        return self.groupByKey().mapValues(lambda values: reduce(func, values))

    def groupByKey(self, *_: Any) -> LocalRdd:
        def group(pairs: Iterator[Any]) -> Iterator[Any]:
            found: dict[Any, list[Any]] = {}
            for key, value in pairs:
                found.setdefault(key, []).append(value)
            return iter(found.items())

        return self._then(group)

    def sortBy(self, keyfunc: Callable[[Any], Any], ascending: bool = True, *_: Any) -> LocalRdd:
        return self._then(lambda each: iter(sorted(each, key=keyfunc, reverse=not ascending)))

    def sortByKey(self, ascending: bool = True, *_: Any) -> LocalRdd:
        return self.sortBy(lambda pair: pair[0], ascending)

    def join(self, other: LocalRdd, *_: Any) -> LocalRdd:
        return self._join(other, ())

    def leftOuterJoin(self, other: LocalRdd, *_: Any) -> LocalRdd:
        return self._join(other, (None,))

    def _join(self, other: LocalRdd, unmatched: tuple[None, ...]) -> LocalRdd:
        def join(pairs: Iterator[Any]) -> Iterator[Any]:
            found = other.groupByKey().collectAsMap()
            for key, value in pairs:
                for right in found.get(key, unmatched):
                    yield key, (value, right)

        return self._then(join)

    def zip(self, other: LocalRdd) -> LocalRdd:
        return self._then(lambda each: zip(each, other, strict=True))

    def distinct(self, *_: Any) -> LocalRdd:
        return self._then(lambda each: iter(dict.fromkeys(each)))

    def zipWithIndex(self) -> LocalRdd:
        return self._then(lambda each: ((value, index) for index, value in enumerate(each)))

    def keys(self) -> LocalRdd:
        return self.map(lambda pair: pair[0])

    def values(self) -> LocalRdd:
        return self.map(lambda pair: pair[1])

    def union(self, other: LocalRdd) -> LocalRdd:
        return self._then(lambda each: chain(each, other))

    def cache(self, *_: Any) -> LocalRdd:
        return self

    persist = unpersist = repartition = coalesce = cache

    def collect(self) -> list[Any]:
        return list(self)

    def collectAsMap(self) -> dict[Any, Any]:
        return dict(self.collect())

    def count(self) -> int:
        return len(self.collect())

    def countByKey(self) -> dict[Any, int]:
        return self.keys().countByValue()

    def countByValue(self) -> dict[Any, int]:
        return defaultdict(int, Counter(self))

    def take(self, num: int) -> list[Any]:
        return self.collect()[:num]

    def takeOrdered(self, num: int, key: Callable[[Any], Any] | None = None) -> list[Any]:
        return heapq.nsmallest(num, self, key)

    def top(self, num: int, key: Callable[[Any], Any] | None = None) -> list[Any]:
        return heapq.nlargest(num, self, key)

    def first(self) -> Any:
        """Return the first element.

        :raises ValueError: there is none.
        """
        for each in self:
            return each
        raise ValueError("RDD is empty")

    def isEmpty(self) -> bool:
        return not self.take(1)

    def reduce(self, f: Callable[[Any, Any], Any]) -> Any:
        return reduce(f, self)

    def foreach(self, f: Callable[[Any], Any]) -> None:
        for each in self:
            f(each)

    def foreachPartition(self, f: Callable[[Iterator[Any]], Any]) -> None:
        f(iter(self))

    def sum(self) -> Any:
        return sum(self)

    def mean(self) -> float:
        return fmean(self)

    def max(self, key: Callable[[Any], Any] | None = None) -> Any:
        return max(self, key=key)

    def min(self, key: Callable[[Any], Any] | None = None) -> Any:
        return min(self, key=key)

    def getNumPartitions(self) -> int:
        """Return 1: a list has no partitions."""
        return 1

    def toDF(self, schema: Any = None, sampleRatio: Any = None) -> Any:
        return self._session.createDataFrame(self.collect(), schema)

    def _then(self, change: Callable[[Iterator[Any]], Iterator[Any]]) -> LocalRdd:
        return LocalRdd(self._session, lambda: change(iter(self)))

    def __getattr__(self, name: str) -> Any:
        raise _not_supported(f"rdd.{name}")


def take_rdds(create: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method that creates frames take RDDs."""

    def createDataFrame(self: Any, data: Any, *arguments: Any, **named: Any) -> Any:
        rows = data.collect() if isinstance(data, LocalRdd) else data
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
