"""Calls that return what went wrong in place of raising it."""

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
    """What a call gave, or why it gave nothing. Check ``ok`` before ``data``.

    :param ok: whether it went well.
    :param data: what the call returns.
    :param status: the HTTP status of the failure.
    :param message: one sentence: what happened and what to do.
    """

    ok: bool
    data: T | None = None
    status: int | None = None
    message: str | None = None

    @classmethod
    def failure(cls, error: LakeflowJobsError) -> ExecutionResult[T]:
        return cls(ok=False, status=error.code, message=error.detail)


class ResultWatch(Iterator[ExecutionResult[RunStatus]]):
    """The states of a run as they come, each as a result; a failure is the last.

    :param run_id: the run; ``None``: none was started.
    :param results: what is iterated.
    """

    def __init__(self, run_id: int | None, results: Iterator[ExecutionResult[RunStatus]]) -> None:
        self.run_id = run_id
        self._results = results

    def __next__(self) -> ExecutionResult[RunStatus]:
        return next(self._results)


def wrap_call(call: Callable[P, T]) -> Callable[P, ExecutionResult[T]]:
    @wraps(call)
    def safe(*args: P.args, **kwargs: P.kwargs) -> ExecutionResult[T]:
        try:
            return ExecutionResult(ok=True, data=call(*args, **kwargs))
        except LakeflowJobsError as error:
            return ExecutionResult.failure(error)

    return safe


def wrap_watch(call: Callable[P, RunWatch]) -> Callable[P, ResultWatch]:
    @wraps(call)
    def safe(*args: P.args, **kwargs: P.kwargs) -> ResultWatch:
        try:
            watch = call(*args, **kwargs)
        except LakeflowJobsError as error:
            return ResultWatch(None, iter([ExecutionResult.failure(error)]))
        return ResultWatch(watch.run_id, _states(watch))

    return safe


def _states(watch: RunWatch) -> Iterator[ExecutionResult[RunStatus]]:
    try:
        for status in watch:
            yield ExecutionResult(ok=True, data=status)
    except LakeflowJobsError as error:
        yield ExecutionResult.failure(error)
