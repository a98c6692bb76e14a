"""A trigger that answers with a stream: it needs two rights, and never loses the run."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.conftest import MakeApp


def test_who_may_run_and_not_view_sees_no_stream(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    client = make_app(policy=lambda user, action, job: action == "run").test_client()

    assert client.post("/api/jobs/never/run?stream=true").status_code == 403
    assert fault_proxy.find_requests("POST", "run-now") == []
    assert client.post("/api/jobs/never/run").status_code == 200


@pytest.mark.parametrize("flag", ["stream=maybe", "stream=true&poll=maybe"])
def test_a_flag_that_is_none_starts_nothing(
    make_app: MakeApp, fault_proxy: FaultyWorkspace, flag: str
) -> None:
    assert make_app().test_client().post(f"/api/jobs/never/run?{flag}").status_code == 400
    assert fault_proxy.find_requests("POST", "run-now") == []


def test_a_look_that_fails_after_a_trigger_does_not_lose_the_run(
    make_app: MakeApp, fault_proxy: FaultyWorkspace
) -> None:
    fault_proxy.fail(Refusal(403), path="runs/get")
    answer = make_app().test_client().post("/api/jobs/never/run?stream=true")

    assert answer.status_code == 200
    assert "event: error" in answer.text
    assert '"status": 403' in answer.text
    run_id = answer.headers["Location"].rpartition("/")[2]
    assert int(run_id) > 0
