"""Results of calls that return errors instead of raising them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from .errors import LakeflowJobsError
from .runs.outcome import RunStatus

if TYPE_CHECKING:
    from .watching.iterator import RunWatch

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ExecutionResult(Generic[T]):
    """The result of a call or its error. Check ``ok`` before ``data``.

    :param ok: whether the call succeeded.
    :param data: what the call returns.
    :param status: the HTTP status of the error.
    :param message: the error's message: what happened and what to do.
    """

    ok: bool
    data: T | None = None
    status: int | None = None
    message: str | None = None

    @classmethod
    def from_error(cls, error: LakeflowJobsError) -> ExecutionResult[T]:
        return cls(ok=False, status=error.code, message=error.detail)


class ResultWatch(Iterator[ExecutionResult[RunStatus]]):
    """The states of a run as they change, each as a result. An error is the last one.

    :param run_id: the run's id; ``None`` if no run was started.
    """

    def __init__(self, run_id: int | None, results: Iterator[ExecutionResult[RunStatus]]) -> None:
        self.run_id = run_id
        self._results = results

    def __next__(self) -> ExecutionResult[RunStatus]:
        return next(self._results)


def wrap_call(call: Callable[P, T]) -> Callable[P, ExecutionResult[T]]:
    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> ExecutionResult[T]:
        try:
            return ExecutionResult(ok=True, data=call(*args, **kwargs))
        except LakeflowJobsError as error:
            return ExecutionResult.from_error(error)

    return wrapped


def wrap_watch(call: Callable[P, RunWatch]) -> Callable[P, ResultWatch]:
    @wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> ResultWatch:
        try:
            watch = call(*args, **kwargs)
        except LakeflowJobsError as error:
            return ResultWatch(None, iter([ExecutionResult.from_error(error)]))
        return ResultWatch(watch.run_id, _iterate_results(watch))

    return wrapped


def _iterate_results(watch: RunWatch) -> Iterator[ExecutionResult[RunStatus]]:
    try:
        for status in watch:
            yield ExecutionResult(ok=True, data=status)
    except LakeflowJobsError as error:
        yield ExecutionResult.from_error(error)
