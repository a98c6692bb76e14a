"""The SparkContext and the RDDs of a task on Sail, which has none: lists in the task's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
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

    def broadcast(self, value: Any) -> Any:
        nothing = lambda *_: None  # noqa: E731
        return SimpleNamespace(value=value, unpersist=nothing, destroy=nothing)

    def __getattr__(self, name: str) -> Any:
        if name in _IGNORED:
            return lambda *_, **__: None
        raise _not_supported(f"sparkContext.{name}")


class LocalRdd:
    """The elements of a list, which are computed when they are needed, with methods of an RDD.

    Sail has none of the others, and their error says to use frames.

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

    def distinct(self, *_: Any) -> LocalRdd:
        return self._derive(lambda: dict.fromkeys(self))

    def filter(self, f: Callable[[Any], Any]) -> LocalRdd:
        return self._derive(lambda: filter(f, self))

    def flatMap(self, f: Callable[[Any], Iterable[Any]], *_: Any) -> LocalRdd:
        return self._derive(lambda: chain.from_iterable(map(f, self)))

    def map(self, f: Callable[[Any], Any], *_: Any) -> LocalRdd:
        return self._derive(lambda: map(f, self))

    def mapPartitions(self, f: Callable[[Iterator[Any]], Iterable[Any]], *_: Any) -> LocalRdd:
        return self._derive(lambda: f(iter(self)))

    def zipWithIndex(self) -> LocalRdd:
        return self._derive(lambda: ((value, index) for index, value in enumerate(self)))

    def _derive(self, compute: Callable[[], Iterable[Any]]) -> LocalRdd:
        return LocalRdd(self._session, lambda: iter(compute()))

    def collect(self) -> list[Any]:
        return list(self)

    def count(self) -> int:
        return len(list(self))

    def first(self) -> Any:
        """Return the first element.

        :raises ValueError: there is none.
        """
        for each in self:
            return each
        raise ValueError("RDD is empty")

    def getNumPartitions(self) -> int:
        return 1

    def isEmpty(self) -> bool:
        return not self.take(1)

    def take(self, num: int) -> list[Any]:
        return list(islice(self, num))

    def __getattr__(self, name: str) -> Any:
        raise _not_supported(f"rdd.{name}")


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
