"""Lists that are longer than one answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask_lakeflow_jobs.local import ManualClock
from tests.local.conftest import Serve
from tests.local.support import simulated_job, simulated_task


def test_sixty_runs_come_in_pages(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    started = [client.start("etl") for _ in range(60)]
    status, page = client.http("GET", "/api/2.2/jobs/runs/list")
    assert (status, len(page["runs"])) == (200, 20)
    status, page = client.http("GET", "/api/2.2/jobs/runs/list?limit=0")
    assert (status, len(page["runs"])) == (200, 26)
    listed = list(client.jobs.list_runs(job_id=client.job_ids["etl"], limit=25))
    assert [run.run_id for run in listed] == started[::-1]
    assert (
        client.http("GET", "/api/2.2/jobs/runs/list?offset=58")[1]["runs"][0]["run_id"]
        in (started[:2])
    )
    assert list(client.jobs.list_runs(job_id=5)) == []
    assert client.http("GET", "/api/2.2/jobs/runs/list?job_id=5") == (200, {})


def test_pages_hold_still_while_runs_are_added(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    started = [client.start("etl") for _ in range(6)]
    runs = client.jobs.list_runs(limit=2)
    seen = [next(runs).run_id]
    client.start("etl")
    seen += [run.run_id for run in runs]
    assert seen == started[::-1]


def test_pages_lead_back(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    client = serve(etl_jobs)
    started = [client.start("etl") for _ in range(7)][::-1]

    def page(**query: Any) -> tuple[list[int], str | None, str | None]:
        text = urlencode({"limit": 3, **query})
        _, answer = client.http("GET", f"/api/2.2/jobs/runs/list?{text}")
        tokens = (answer.get("prev_page_token"), answer.get("next_page_token"))
        return [run["run_id"] for run in answer.get("runs", [])], *tokens

    first, nothing, after_first = page()
    assert (first, nothing) == (started[:3], None)
    second, before_second, after_second = page(page_token=after_first)
    third, before_third, nothing = page(page_token=after_second)
    assert (second, third, nothing) == (started[3:6], started[6:], None)
    again, before_again, after_again = page(page_token=before_third)
    assert again == second
    assert page(page_token=after_again)[0] == third
    newest, nothing, _ = page(page_token=before_again)
    assert (newest, nothing) == (first, None)
    assert page(page_token=before_second)[0] == first
    shifted, before_shifted, _ = page(offset=2)
    assert shifted == started[2:5]
    assert page(page_token=before_shifted)[0] == started[:2]
    client.start("etl")
    older, newer, _ = page(page_token=before_again)
    assert (older, bool(newer)) == (first, True)


def test_pages_of_old_hold_more(serve: Serve, etl_jobs: dict[str, Any]) -> None:
    jobs = {f"job{number}": etl_jobs["etl"] for number in range(25)}
    client = serve(jobs)
    assert len(client.http("GET", "/api/2.0/jobs/list")[1]["jobs"]) == 25
    assert len(client.http("GET", "/api/2.1/jobs/list")[1]["jobs"]) == 20
    started = [client.start("job0") for _ in range(30)]
    _, answer = client.http("GET", "/api/2.0/jobs/runs/list?limit=1000")
    assert [run["run_id"] for run in answer["runs"]] == started[::-1]
    status, error = client.http("GET", "/api/2.0/jobs/runs/list?limit=1001")
    assert status == 400
    assert error["message"] == "Invalid limit 1001 - it has to be no more than 1000."


def test_filters(serve: Serve) -> None:
    clock = ManualClock(1_000_000)
    jobs = {"etl": {**simulated_job(simulated_task("main"), seconds=10), "max_concurrent_runs": 5}}
    client = serve(jobs, clock=clock)
    first = client.start("etl")
    clock.advance(20)
    second = client.start("etl")

    def ids(**fields: Any) -> list[int | None]:
        return [run.run_id for run in client.jobs.list_runs(**fields)]

    assert ids() == [second, first]
    assert ids(active_only=True) == [second]
    assert ids(completed_only=True) == [first]
    assert ids(start_time_from=1_000_000_001) == [second]
    assert ids(start_time_to=1_000_000_000) == [first]
    assert ids(start_time_from=1_000_020_000, start_time_to=1_000_020_000) == [second]


def test_a_hundred_and_twenty_tasks(serve: Serve) -> None:
    job = simulated_job(*(simulated_task(f"t{number:03}") for number in range(120)))
    job["parameters"] = [{"name": f"p{number}", "default": ""} for number in range(101)]
    client = serve({"etl": job})
    run = client.run("etl")
    keys = [f"t{number:03}" for number in range(120)]
    assert [task.task_key for task in run.tasks or []] == keys
    assert len(run.job_parameters or []) == 101
    settings = client.jobs.get(client.job_ids["etl"]).settings
    assert settings is not None
    assert [task.task_key for task in settings.tasks or []] == keys
    assert len(settings.parameters or []) == 101
    path = f"/api/2.2/jobs/runs/get?run_id={run.run_id}"
    status, first = client.http("GET", path)
    assert (status, len(first["tasks"])) == (200, 100)
    status, second = client.http("GET", f"{path}&page_token={first['next_page_token']}")
    assert (status, len(second["tasks"]), len(second["job_parameters"])) == (200, 20, 1)
    assert "next_page_token" not in second
    status, old = client.http("GET", path.replace("2.2", "2.1"))
    assert (len(old["tasks"]), "next_page_token" in old) == (100, False)
    (listed,) = client.http("GET", "/api/2.2/jobs/runs/list?expand_tasks=true")[1]["runs"]
    assert (len(listed["tasks"]), listed["has_more"]) == (100, True)
    (expanded,) = client.jobs.list_runs(expand_tasks=True)
    assert len(expanded.tasks or []) == 120
    (plain,) = client.http("GET", "/api/2.2/jobs/runs/list")[1]["runs"]
    assert "tasks" not in plain
    (job_shape,) = client.http("GET", "/api/2.2/jobs/list?expand_tasks=true")[1]["jobs"]
    assert (len(job_shape["settings"]["tasks"]), job_shape["has_more"]) == (100, True)
