"""Results of calls that return errors instead of raising them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar

from .errors import LakeflowJobsError
from .runs.outcome import RunStatus

if TYPE_CHECKING:
    from .watching.iterator import RunWatch

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ExecutionResult(Generic[T]):
    """A :class:`Success` or a :class:`Failure`.

    Check ``ok`` before ``data``. mypy then knows that ``data`` is not ``None``; for Pyright, check
    ``isinstance(result, Success)``.

    :param ok: whether the call succeeded.
    :param data: what the call returned; ``None`` for a failure.
    :param status: the HTTP status of the error; ``None`` for a success.
    :param message: what happened and what to do; ``None`` for a success.
    """

    ok: bool
    data: T | None
    status: int | None
    message: str | None


@dataclass(frozen=True)
class Success(ExecutionResult[T]):
    """The result of a call that returned."""

    ok: Literal[True]
    data: T
    status: None
    message: None


@dataclass(frozen=True)
class Failure(ExecutionResult[Any]):
    """The result of a call that raised an error of the extension."""

    ok: Literal[False]
    data: None
    status: int
    message: str


class ResultWatch(Iterator[Success[RunStatus] | Failure]):
    """The states of a run as they change, each as a result. An error is the last one."""

    def __init__(
        self, watch: RunWatch | None, results: Iterator[Success[RunStatus] | Failure]
    ) -> None:
        self._watch = watch
        self._results = results

    @property
    def run_id(self) -> int | None:
        """The run's id; ``None`` if no run was started."""
        return None if self._watch is None else self._watch.run_id

    def __next__(self) -> Success[RunStatus] | Failure:
        return next(self._results)


def wrap_call(call: Callable[P, T]) -> Callable[P, Success[T] | Failure]:
    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Success[T] | Failure:
        try:
            return _to_success(call(*args, **kwargs))
        except LakeflowJobsError as error:
            return _to_failure(error)

    return wrapped


def wrap_watch(call: Callable[P, RunWatch]) -> Callable[P, ResultWatch]:
    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> ResultWatch:
        try:
            watch = call(*args, **kwargs)
        except LakeflowJobsError as error:
            return ResultWatch(None, iter([_to_failure(error)]))
        return ResultWatch(watch, _iterate_results(watch))

    return wrapped


def _iterate_results(watch: RunWatch) -> Iterator[Success[RunStatus] | Failure]:
    try:
        for status in watch:
            yield _to_success(status)
    except LakeflowJobsError as error:
        yield _to_failure(error)


def _to_success(data: T) -> Success[T]:
    return Success(ok=True, data=data, status=None, message=None)


def _to_failure(error: LakeflowJobsError) -> Failure:
    return Failure(ok=False, data=None, status=error.code, message=error.detail)
