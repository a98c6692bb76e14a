"""Calls that return what went wrong in place of raising it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import LakeflowJobsError

if TYPE_CHECKING:
    from .handle import JobHandle

T = TypeVar("T")

#: The calls of a handle that give many results, one after the other.
ITERATORS = frozenset({"run_and_wait", "watch"})
CALLS = frozenset(
    {
        "cancel_all_runs",
        "cancel_run",
        "check",
        "explain",
        "get_job",
        "get_run",
        "get_run_output",
        "last_run",
        "list_runs",
        "repair_run",
        "run_now",
        "wait",
    }
)


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


class Results:
    """The calls of a handle, each returning an :class:`ExecutionResult`.

    ``run_and_wait`` and ``watch`` iterate over such results; a failure is the last of them.

    :param handle: the handle.
    """

    def __init__(self, handle: JobHandle) -> None:
        self._handle = handle

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in CALLS:
            return _one(getattr(self._handle, name))
        if name in ITERATORS:
            return _each(getattr(self._handle, name))
        raise AttributeError(f"A handle's results have no call {name!r}.")

    def __dir__(self) -> list[str]:
        return sorted(CALLS | ITERATORS)


def _one(call: Callable[..., T]) -> Callable[..., ExecutionResult[T]]:
    @wraps(call)
    def safe(*args: Any, **kwargs: Any) -> ExecutionResult[T]:
        try:
            return ExecutionResult(ok=True, data=call(*args, **kwargs))
        except LakeflowJobsError as error:
            return ExecutionResult.failure(error)

    return safe


def _each(call: Callable[..., Iterator[T]]) -> Callable[..., Iterator[ExecutionResult[T]]]:
    @wraps(call)
    def safe(*args: Any, **kwargs: Any) -> Iterator[ExecutionResult[T]]:
        try:
            for item in call(*args, **kwargs):
                yield ExecutionResult(ok=True, data=item)
        except LakeflowJobsError as error:
            yield ExecutionResult.failure(error)

    return safe
