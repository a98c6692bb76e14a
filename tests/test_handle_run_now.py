"""Calls of ``JobHandle.run_now``, over the real SDK and real HTTP."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from flask import jsonify

from flask_lakeflow_jobs import (
    InvalidParameters,
    JobNotFound,
    current_jobs,
)
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp

pytestmark = pytest.mark.usefixtures("app_context")


def test_run_now_starts_one_run_and_returns_the_sdks_shape(fault_proxy: FaultyWorkspace) -> None:
    before = current_jobs["never"].list_runs(100)

    started = current_jobs["never"].run_now()

    assert started.run_id > 0
    assert started.number_in_job == started.run_id
    assert started.replayed is False
    runs = current_jobs["never"].list_runs(100)
    assert [run.run_id for run in runs if run not in before] == [started.run_id]
    assert len(fault_proxy.find_requests("POST", "jobs/run-now")) == 1


def test_started_run_can_be_returned_from_views_and_task_queues() -> None:
    started = current_jobs["never"].run_now()

    for copied in (copy.copy(started), copy.deepcopy(started)):
        assert copied.wait().run.run_id == started.run_id
    assert jsonify(started).json == {
        "run_id": started.run_id,
        "number_in_job": started.run_id,
        "replayed": False,
    }
    pickled = pickle.loads(pickle.dumps(started))  # noqa: S301
    assert pickled == started
    with pytest.raises(RuntimeError, match=rf"current_jobs.*wait\({started.run_id}\)"):
        pickled.wait()


def test_run_now_parameters_reach_the_job() -> None:
    run_id = current_jobs["greeting"].run_now({"who": "Ada"}).run_id

    current_jobs["greeting"].wait(run_id)

    output: Any = current_jobs["greeting"].get_run_output(run_id)
    assert output.notebook_output.result == '{"who": "Ada"}'


def test_check_makes_no_request(fault_proxy: FaultyWorkspace) -> None:
    current_jobs["greeting"].check({"who": "Ada"})
    with pytest.raises(InvalidParameters, match="who"):
        current_jobs["script"].check({"who": "Ada"})

    assert fault_proxy.find_requests() == []


def test_run_now_sends_options_in_the_jobs_apis_form(fault_proxy: FaultyWorkspace) -> None:
    current_jobs["pipeline"].run_now(only=["+extract"], queue=True, performance_target="STANDARD")

    (sent,) = fault_proxy.find_requests("POST", "jobs/run-now")
    assert sent.body["only"] == ["+extract"]
    assert sent.body["queue"] == {"enabled": True}
    assert sent.body["performance_target"] == "STANDARD"


def test_run_now_with_unknown_performance_target_sends_nothing(
    fault_proxy: FaultyWorkspace,
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        current_jobs["never"].run_now(performance_target="WARP")

    assert "performance_target" in caught.value.messages
    assert not fault_proxy.find_requests("POST")


def test_run_now_with_a_queue_that_is_no_boolean_sends_nothing(
    fault_proxy: FaultyWorkspace,
) -> None:
    with pytest.raises(InvalidParameters, match="queue must be True or False, not 'false'"):
        current_jobs["never"].run_now(queue="false")  # type: ignore[arg-type]

    assert not fault_proxy.find_requests("POST")


def test_run_now_of_missing_job_raises_job_not_found(make_app: MakeApp) -> None:
    app = make_app(jobs={"gone": {"job_id": 42}})
    with app.app_context(), pytest.raises(JobNotFound, match="42"):
        current_jobs["gone"].run_now()
