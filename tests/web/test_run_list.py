"""The list of the runs of all jobs, from the record and from the workspace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_lakeflow_jobs import NotAllowed, RunNotFound, current_jobs, present_runs
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.present_runs import ReadLimit
from flask_lakeflow_jobs.record.values import RequestedRun, RunEnd
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from flask_lakeflow_jobs.upstream.read_cache import CachedResponse
from flask_lakeflow_jobs.web import run_list
from tests.clocks import FakeClock
from tests.conftest import MakeApp
from tests.records import record_of, state_of
from tests.run_documents import run_state
from tests.support import ALICE, on_behalf_of

URL = "/api/jobs/runs"


def record_runs(app: Flask, clock: FakeClock, count: int, **values: Any) -> None:
    """Record runs of some jobs, a second apart; every third has failed, the last is active."""
    state = app.extensions["lakeflow_jobs"]
    for number in range(count):
        key = ("quick", "failing")[number % 2]
        job_id = state.settings.jobs[key].job_id
        request = RequestedRun(key, job_id, f"token-{number}", "app", **values)
        state.record.begin_run(request)
        state.record.complete_run(request.token, job_id, 1000 + number)
        clock.sleep(1)
        if number < count - 1:
            now = round(clock.now() * 1000)
            outcome = "succeeded" if number % 3 else "failed"
            end = RunEnd(job_id, 1000 + number, outcome, now - 500, now, "It broke.")
            state.record.finish_run(end, [])


@pytest.fixture
def recorded(make_app: MakeApp, clock: FakeClock, fault_proxy: FaultyWorkspace) -> Iterator[Flask]:
    """An app with a record of seven runs, which it cannot read in the workspace."""
    fault_proxy.fail(Refusal(403), path="runs/get")
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True, LAKEFLOW_JOBS_CONSOLE=True, clock=clock)
    record_runs(app, clock, 7, requested_by="alice")
    yield app
    app.extensions["lakeflow_jobs"].record.database.close()


def list_ids(client: FlaskClient, query: str = "", **headers: Any) -> list[int]:
    response = client.get(f"{URL}?{query}", **headers)
    assert response.status_code == 200, response.text
    return [run["runId"] for run in response.get_json()["runs"]]


class TestFromTheRecord:
    def test_runs_are_listed_newest_first_without_a_list_of_the_workspace(
        self, recorded: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        response = recorded.test_client().get(URL)
        runs = response.get_json()["runs"]
        assert [run["runId"] for run in runs] == [*range(1006, 999, -1)]
        assert response.get_json()["nextPageToken"] is None
        assert runs[0] == {
            "job": "quick", "runId": 1006, "outcome": "running", "requestedBy": "alice",
            "requestedAt": runs[0]["requestedAt"], "startedAt": None, "endedAt": None,
            "duration": None, "error": None,
        }  # fmt: skip
        assert runs[1]["endedAt"] - runs[1]["startedAt"] == 500
        assert not fault_proxy.find_requests("GET", "runs/list")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("job=failing", [1005, 1003, 1001]),
            ("outcome=failed", [1003, 1000]),
            ("outcome=running", [1006]),
            ("outcome=queued", []),
            ("by=alice&outcome=failed&job=quick", [1000]),
            ("by=bob", []),
            ("by=alice%00&outcome=failed&job=quick", [1000]),  # Postgres refuses the character
        ],
    )
    def test_filters_select_runs(self, recorded: Flask, query: str, expected: list[int]) -> None:
        assert list_ids(recorded.test_client(), query) == expected

    def test_outcome_of_another_version_is_unknown(self, recorded: Flask) -> None:
        state = recorded.extensions["lakeflow_jobs"]
        job_id = state.settings.jobs["quick"].job_id
        state.record.finish_run(RunEnd(job_id, 1000, "paused", 1, 2**45, "It broke."), [])
        client = recorded.test_client()
        runs = {run["runId"]: run for run in client.get(URL).get_json()["runs"]}
        assert runs[1000]["outcome"] == "unknown"
        assert client.get("/jobs/quick").status_code == 200

    def test_time_filters_are_inclusive_and_exclusive(self, recorded: Flask) -> None:
        client = recorded.test_client()
        times = {run["runId"]: run["requestedAt"] for run in client.get(URL).get_json()["runs"]}
        since, until = (run_list.format_time(times[run_id]) for run_id in (1002, 1005))
        assert list_ids(client, f"from={since}&to={until}") == [1004, 1003, 1002]
        assert list_ids(client, f"from={until}")[-1] == 1005
        assert list_ids(client, f"to={since}")[0] == 1001

    def test_pages_contain_each_run_once(
        self, recorded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_list, "PAGE_SIZE", 3)
        for number in range(4):  # without a run, so they are not in the list
            request = RequestedRun("quick", 1, f"refused-{number}", "app")
            recorded.extensions["lakeflow_jobs"].record.begin_run(request)
        client, seen = recorded.test_client(), []
        page: dict[str, Any] = {"nextPageToken": ""}
        while page["nextPageToken"] is not None:
            page = client.get(f"{URL}?pageToken={page['nextPageToken']}").get_json()
            seen.append([run["runId"] for run in page["runs"]])
        assert seen == [[1006, 1005, 1004], [1003, 1002, 1001], [1000]]

    def test_jobs_that_the_user_may_not_view_are_left_out(
        self, make_app: MakeApp, clock: FakeClock
    ) -> None:
        app = make_app(
            LAKEFLOW_JOBS_RECORD_URL=True,
            clock=clock,
            policy=lambda user, action, job: job == "failing",
        )
        record_runs(app, clock, 4)
        client = app.test_client()
        assert list_ids(client) == [1003, 1001]
        response = client.get(f"{URL}?job=quick")
        assert response.status_code == 400
        assert response.get_json()["detail"] == "'job' must be one of failing, not 'quick'."

    @pytest.fixture
    def users_client(self, make_app: MakeApp, clock: FakeClock) -> FlaskClient:
        """A client of an app with recorded runs, half of them of a job that runs as its users."""
        app = make_app(
            LAKEFLOW_JOBS_RECORD_URL=True,
            clock=clock,
            jobs={"quick": {"of": "never", "run_as": "user"}},
        )
        record_runs(app, clock, 4)
        return app.test_client()

    def test_runs_of_users_are_not_taken_from_the_record(self, users_client: FlaskClient) -> None:
        """The workspace decides what a user may see."""
        assert list_ids(users_client) == [1003, 1001], "no token, so without the users' job"
        listed = list_ids(users_client, headers=on_behalf_of(ALICE))
        assert not {1000, 1002} & set(listed)
        assert users_client.get(f"{URL}?job=quick").status_code == 401

    @pytest.mark.parametrize(
        ("token", "status"),
        [(ALICE, 403), ("dapi-of-carol", 401), ("of carol", 401)],
        ids=["not allowed", "expired", "malformed"],
    )
    def test_job_that_is_refused_hides_no_others(
        self,
        fault_proxy: FaultyWorkspace,
        users_client: FlaskClient,
        token: str,
        status: int,
    ) -> None:
        if status == 403:
            fault_proxy.fail(Refusal(403), path="runs/list")
        headers = on_behalf_of(token)
        assert list_ids(users_client, headers=headers) == [1003, 1001]
        assert users_client.get(f"{URL}?job=quick", headers=headers).status_code == status


class TestFromTheWorkspace:
    def test_list_of_which_the_workspace_refuses_each_job_is_refused(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace
    ) -> None:
        client = make_app(jobs={"quick": {"of": "quick"}, "never": {"of": "never"}}).test_client()
        fault_proxy.fail(Refusal(403), path="runs/list")
        response = client.get(URL)
        assert (response.status_code, response.get_json()["status"]) == (403, 403)

    def test_runs_of_all_jobs_are_merged_newest_first(self, make_app: MakeApp) -> None:
        app = make_app(jobs={"quick": {"of": "quick"}, "failing": {"of": "failing"}})
        started = []
        with app.app_context():
            for key in ("quick", "failing", "quick"):
                started.append(current_jobs[key].run_now().run_id)
                current_jobs[key].wait(started[-1])
        client = app.test_client()
        assert list_ids(client)[:3] == started[::-1]
        runs = client.get(f"{URL}?job=failing&outcome=failed").get_json()["runs"]
        assert runs[0]["runId"] == started[1]
        assert {run["outcome"] for run in runs} == {"failed"}

    def test_reads_for_a_page_are_bounded(
        self, make_app: MakeApp, fault_proxy: FaultyWorkspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run_list, "READ_SIZE", 2)
        monkeypatch.setattr(run_list, "MAX_MORE_READS", 2)
        app = make_app()
        with app.app_context():
            for _ in range(8):
                current_jobs["never"].run_now()
        response = app.test_client().get(f"{URL}?job=never&by=nobody")
        assert response.get_json()["runs"] == []
        assert response.get_json()["nextPageToken"] is not None, "there may be more"
        assert len(fault_proxy.find_requests("GET", "runs/list")) == 3


@pytest.mark.parametrize(
    ("query", "accepted"),
    [
        ("job=nothing", "'job' must be one of quick, never"),
        ("outcome=fine", "'outcome' must be one of queued, pending"),
        ("from=yesterday", "'from' must be a date such as 2026-01-31"),
        ("to=9999-99-99", "'to' must be a date"),
        ("to=10000-01-01", "'to' must be a date"),
        ("from=2026-01-02&to=2026-01-01", "'from' must be earlier than 'to'"),
        ("pageToken=x", "'pageToken' must be the nextPageToken"),
    ],
)
def test_invalid_filter_is_400_with_what_is_accepted(
    make_app: MakeApp, query: str, accepted: str
) -> None:
    response = make_app().test_client().get(f"{URL}?{query}")
    assert response.status_code == 400
    assert accepted in response.get_json()["detail"]


def test_date_as_the_end_includes_its_day() -> None:
    day = 24 * 3600 * 1000
    assert run_list.parse_time("to", "2026-01-31", is_end=True) == run_list.parse_time(
        "from", "2026-02-01"
    )
    last = run_list.parse_time("from", "9999-12-31")
    assert last is not None
    assert run_list.parse_time("to", "9999-12-31", is_end=True) == last + day
    begin = run_list.parse_time("from", "2026-01-31T02:00:00+02:00")
    assert begin is not None
    assert begin % day == 0


#: What the workspace has of a run, and the outcome that the list has.
STATES: dict[str, tuple[Any, str]] = {
    "running": (run_state("RUNNING", status="RUNNING"), "running"),
    "queued": (run_state("QUEUED", status="QUEUED"), "queued"),
    "succeeded": (run_state("TERMINATED", "SUCCESS"), "succeeded"),
    "failed": (run_state("TERMINATED", "FAILED"), "failed"),
    "deleted": (RunNotFound(1, "quick"), "unknown"),
    "refused": (NotAllowed("Not yours."), "running"),  # as recorded
}


@pytest.mark.parametrize("seed", range(6))
def test_pages_by_outcome_have_each_run_that_has_it_once(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """For any limits, and with any of the ends recorded."""
    choice = random.Random(seed)
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=True)
    record, jobs = record_of(app), state_of(app).settings.jobs
    states: dict[int, str] = {}
    for run_id in range(1, 30):
        key, states[run_id] = choice.choice(["quick", "failing"]), choice.choice([*STATES])
        job_id = jobs[key].job_id
        record.add_found_run(key, job_id, run_id, started_at=choice.randint(1, 8))
        if states[run_id] in ("succeeded", "failed") and choice.random() < 0.5:
            record.finish_run(RunEnd(job_id, run_id, states[run_id], 1_000, 2_000))

    class Reads:
        def __init__(self, _: object, __: object, job: Job, **___: object) -> None:
            self._job_id = job.job_id

        def get_run(self, run_id: int) -> Any:
            if isinstance(found := STATES[states[run_id]][0], Exception):
                raise found
            times = {"start_time": 1_000, "end_time": 2_000}
            return CachedResponse({"run_id": run_id, "job_id": self._job_id, **times, **found})

    monkeypatch.setattr(present_runs, "CachedReads", Reads)
    monkeypatch.setattr(run_list, "PAGE_SIZE", choice.randint(1, 6))
    limit = ReadLimit(choice.randint(1, 5), 10.0, "The others are not read.")
    monkeypatch.setattr(run_list, "PAGE_LIMIT", limit)
    client, outcomes = app.test_client(), sorted({outcome for _, outcome in STATES.values()})
    for outcome in choice.sample(outcomes, len(outcomes)):
        listed: list[int] = []
        page: dict[str, Any] = {"nextPageToken": ""}
        while (token := page["nextPageToken"]) is not None:
            page = client.get(f"{URL}?outcome={outcome}&pageToken={token}").get_json()
            assert page["nextPageToken"] != token, "the pages would never end"
            listed += [run["runId"] for run in page["runs"]]
        expected = [run_id for run_id, state in states.items() if STATES[state][1] == outcome]
        assert sorted(listed) == expected
