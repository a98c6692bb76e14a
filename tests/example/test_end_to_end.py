"""The example end to end: gunicorn, extension, SDK, local workspace, tasks and real data."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import yaml

from example_app.tasks.extract import find_dataset
from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.example.support import EXAMPLE, Site, serve, serve_as_databricks_apps

pytestmark = pytest.mark.processes

SERVERS = {
    "gthread": ["--workers=2", "--worker-class=gthread", "--threads=8"],
    "sync": ["--workers=4"],
}

#: For tests of streams, which differ between servers.
on_every_server = pytest.mark.parametrize("site", SERVERS, indirect=True)

#: For tests of workers that know nothing of each other.
on_many_workers = pytest.mark.parametrize("site", ["sync"], indirect=True)


@pytest.fixture(scope="module", params=["gthread"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("instance"), *SERVERS[request.param]) as site:
        yield site


@pytest.fixture(scope="module")
def flights() -> list[dict[str, str]]:
    """The flights of one day, read independently of the code under test."""
    with zipfile.ZipFile(find_dataset() / "flights.csv.zip") as archive:
        header, *lines = archive.read("flights.csv").decode().splitlines()
    day = [line for line in lines if line.startswith("2013,1,1,")]
    return list(csv.DictReader(io.StringIO("\n".join([header, *day]))))


def read_result(site: Site, run: str) -> Any:
    return json.loads(site.request(f"{run}/output").json()["summary"]["notebook_output"]["result"])


def test_etl_run_of_one_day_has_the_expected_result(
    site: Site, flights: list[dict[str, str]]
) -> None:
    run = site.run("etl", startDate="2013-01-01", endDate="2013-01-01")

    result = read_result(site, run)
    flown = [flight for flight in flights if flight["arr_delay"] != "NA"]
    assert result["scheduled"] == len(flights) == 842
    assert result["counted"] == len(flown) == 831
    assert result["dropped"] == {"cancelled": 4, "unrecorded": 1, "diverted": 6}
    assert result["departureDelay"] == round(mean(int(each["dep_delay"]) for each in flown), 1)
    for view, column in (("byCarrier", "carrier"), ("byHour", "hour"), ("byAirport", "origin")):
        for group in result[view]:
            own = [int(each["arr_delay"]) for each in flown if each[column] == group["key"]]
            assert group["flights"] == len(own)
            assert group["arrivalDelay"] == pytest.approx(mean(own), abs=0.05)
    names = {group["key"]: group["name"] for group in result["byCarrier"] + result["byAirport"]}
    assert (names["UA"], names["LGA"]) == ("United Air Lines Inc.", "La Guardia")


def test_sample_on_the_page_is_the_result_of_january(site: Site) -> None:
    run = site.run("etl", startDate="2013-01-01", endDate="2013-01-31")
    assert json.loads((EXAMPLE / "static" / "sample.json").read_text()) == read_result(site, run)


def test_run_that_was_asked_to_fail_once_can_be_repaired(site: Site) -> None:
    params = {"startDate": "2013-01-01", "endDate": "2013-01-01", "failOnce": True}
    run = site.post("/api/jobs/etl/run", {"params": params}).headers["Location"]
    *_, last = site.follow(f"{run}/stream")
    assert last["outcome"] == "failed"
    assert site.post(f"{run}/repair", {}).status == 200
    *_, last = site.follow(f"{run}/stream")
    assert last["outcome"] == "succeeded"
    assert read_result(site, run)["scheduled"] == 842


def test_report_uses_the_newest_result(site: Site) -> None:
    site.run("etl", startDate="2013-02-08", endDate="2013-02-09")
    run = site.run("report")
    text = site.request(f"{run}/output").json()["report"]["logs"]
    assert text.startswith("Leaving New York, 2013-02-08 to 2013-02-09\n")


@on_every_server
def test_stream_has_task_states_in_the_order_of_dependencies(site: Site) -> None:
    started = site.post(
        "/api/jobs/etl/run", {"params": {"startDate": "2013-03-01", "endDate": "2013-03-31"}}
    )
    states = list(site.follow(f"{started.headers['Location']}/stream"))
    tasks = {task["task_key"]: task for task in states[-1]["run"]["tasks"]}
    # How many there are depends on the machine: a viewer who polls may come after the end.
    is_last = [False] * (len(states) - 1) + [True]
    assert [state["status"] == "TERMINATED" for state in states] == is_last
    assert len(tasks) == 6
    assert all(task["state"]["result_state"] == "SUCCESS" for task in tasks.values())
    assert tasks["clean"]["start_time"] >= tasks["extract"]["end_time"]
    assert tasks["summary"]["start_time"] >= max(
        tasks[key]["end_time"] for key in ("by_carrier", "by_hour", "by_airport")
    )


def test_concurrent_runs_do_not_share_files(site: Site) -> None:
    days = ("2013-04-01", "2013-04-02", "2013-04-03")
    started = [
        site.post("/api/jobs/etl/run", {"params": {"startDate": day, "endDate": day}}).headers[
            "Location"
        ]
        for day in days
    ]
    for run, day in zip(started, days, strict=True):
        *_, last = site.follow(f"{run}/stream")
        assert last["outcome"] == "succeeded"
        assert read_result(site, run)["startDate"] == day


@on_many_workers
def test_repeated_idempotency_key_starts_one_run(site: Site) -> None:
    document = {"params": {"startDate": "2013-05-01", "endDate": "2013-05-01"}}
    responses = [site.post("/api/jobs/etl/run", document, Idempotency_Key="k") for _ in range(2)]
    assert len({response.json()["runId"] for response in responses}) == 1


@on_many_workers
def test_every_worker_lists_the_same_runs(site: Site) -> None:
    run = site.run("etl", startDate="2013-06-01", endDate="2013-06-01")
    run_id = int(run.rpartition("/")[2])
    for _ in range(12):
        newest, *_ = site.request("/api/jobs/etl/runs?limit=1").json()["runs"]
        assert newest["run_id"] == run_id


def test_http_api_and_command_line_share_runs(site: Site) -> None:
    done = site.command(
        *("run", "etl", "-p", "startDate=2013-08-01", "-p", "endDate=2013-08-01", "--json")
    )
    assert done.returncode == 0, done.stderr
    *_, last = site.follow(f"/api/jobs/etl/runs/{json.loads(done.stdout)['runId']}/stream")
    assert last["outcome"] == "succeeded"

    run = site.run("etl", startDate="2013-08-02", endDate="2013-08-02")
    shown = site.command("show", "etl", run.rpartition("/")[2])
    assert shown.returncode == 0, shown.stderr
    assert "SUCCEEDED" in shown.stdout


def test_run_can_be_canceled(site: Site) -> None:
    document = {"params": {"startDate": "2013-01-01", "endDate": "2013-12-31"}}
    run = site.post("/api/jobs/etl/run", document).headers["Location"]
    assert site.request(run, "DELETE").status == 204
    *_, last = site.follow(f"{run}/stream")
    assert last["outcome"] == "canceled"


def test_app_yaml_command_serves_the_app_on_databricks_apps(tmp_path: Path) -> None:
    """The app runs in its own folder, as a service principal, with the environment of the Apps."""
    bundle = load_bundle(EXAMPLE / "databricks.yml")
    with Workspace(bundle.path, tmp_path / "workspace") as workspace:
        environment = {
            "DATABRICKS_HOST": workspace.host,
            "DATABRICKS_CLIENT_ID": "the-app",
            "DATABRICKS_CLIENT_SECRET": workspace.token,
            **{
                each["name"]: str(bundle.jobs[each["valueFrom"]].job_id)
                for each in yaml.safe_load((EXAMPLE / "app.yaml").read_text())["env"]
            },
        }
        with serve_as_databricks_apps(tmp_path, environment) as site:
            run = site.run("etl", startDate="2013-07-04", endDate="2013-07-04")
            assert read_result(site, run)["scheduled"] == 737
