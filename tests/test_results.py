"""The calls that return what went wrong in place of raising it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, cast

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import Failure, JobHandle, RunNotFound, RunStatus, RunWatch, Success
from flask_lakeflow_jobs.handle import Results
from tests.run_documents import run

RUN = run()


class ShortHandle(JobHandle):
    """A handle with the few calls that these tests make."""

    def __init__(self) -> None:
        pass

    def get_run(self, run_id: int | str) -> Run:
        if run_id != 1:
            raise RunNotFound(int(run_id), "etl")
        return RUN

    def cancel_run(self, run_id: int | str, **_: Any) -> None:
        raise ZeroDivisionError

    def watch(self, run_id: int | str, **_: Any) -> RunWatch:
        return RunWatch(int(run_id), self._broken_off(), cast(Any, None))

    def _broken_off(self) -> Iterator[RunStatus]:
        yield RunStatus(1, RUN)
        raise RunNotFound(1, "etl")

    def run_and_wait(self, *_: Any, **__: Any) -> RunWatch:
        raise RunNotFound(1, "etl")


results = Results(ShortHandle())


def test_wrapped_call_that_succeeds_has_data() -> None:
    result = results.get_run(1)
    assert isinstance(result, Success)
    assert (result.ok, result.data, result.status, result.message) == (True, RUN, None, None)


def test_wrapped_call_that_fails_has_status_and_message() -> None:
    result = results.get_run(2)
    assert isinstance(result, Failure)
    assert (result.ok, result.data, result.status) == (False, None, 404)
    assert "no run 2" in (result.message or "")


def test_wrapped_watch_that_fails_ends_with_the_failure() -> None:
    watch = results.watch(5)
    first, last = watch
    assert watch.run_id == 5
    assert (first.ok, first.data) == (True, RunStatus(1, RUN))
    assert (last.ok, last.status) == (False, 404)


def test_wrapped_watch_that_cannot_start_yields_one_failure() -> None:
    watch = results.run_and_wait()
    [only] = watch
    assert watch.run_id is None
    assert (only.ok, only.status) == (False, 404)


def test_wrapped_call_raises_errors_of_other_classes() -> None:
    with pytest.raises(ZeroDivisionError):
        results.cancel_run(1)


def test_results_have_every_call_of_a_handle() -> None:
    calls = {
        name
        for name, member in inspect.getmembers(JobHandle, inspect.isroutine)
        if not name.startswith("_")
    }
    assert set(vars(results)) == calls - {"as_user"}


def test_results_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="start_it"):
        cast("Any", results).start_it()
