"""The fixtures that users of the extension test their apps with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, current_jobs
from flask_lakeflow_jobs.local import ManualClock
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from tests.support import BUNDLE, DEADLINE

if TYPE_CHECKING:
    from flask_lakeflow_jobs.testing.plugin import SimulatedJob

pytest_plugins = ["flask_lakeflow_jobs.testing.plugin", "pytester"]


@pytest.fixture(scope="session")
def lakeflow_bundle() -> Path:
    return BUNDLE


def app_with(settings: Mapping[str, Any], **jobs: int) -> Flask:
    app = Flask("app")
    app.config.update(settings)
    LakeflowJobs(app, jobs={key: {"job_id": job_id} for key, job_id in jobs.items()})
    return app


def test_lakeflow_settings_run_the_jobs_of_the_bundle(lakeflow_settings: Mapping[str, Any]) -> None:
    with app_with(lakeflow_settings).app_context():
        quick = current_jobs["quick"]
        assert quick.wait(quick.run_now().run_id, timeout=DEADLINE).outcome == "succeeded"


def test_simulated_job_is_created_without_the_proxy_of_the_environment(
    simulated_job: SimulatedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert simulated_job() > 0


@pytest.mark.parametrize(
    ("simulation", "outcome"),
    [({}, "succeeded"), ({"result": "FAILED", "error": "ValueError: no rows"}, "failed")],
)
def test_simulated_job_ends_with_its_result(
    lakeflow_settings: Mapping[str, Any],
    simulated_job: SimulatedJob,
    simulation: dict[str, Any],
    outcome: str,
) -> None:
    with app_with(lakeflow_settings, etl=simulated_job(**simulation)).app_context():
        etl = current_jobs["etl"]
        assert etl.wait(etl.run_now().run_id, timeout=DEADLINE).outcome == outcome


def test_simulated_job_has_its_output_as_the_result_of_a_notebook(
    lakeflow_settings: Mapping[str, Any], simulated_job: SimulatedJob
) -> None:
    with app_with(lakeflow_settings, etl=simulated_job(output="842 rows")).app_context():
        run = current_jobs["etl"].run_now()
        run.wait(timeout=DEADLINE)
        output = current_jobs["etl"].get_outputs(run.run_id)["only"].notebook_output
    assert output is not None
    assert output.result == "842 rows"


def test_simulated_job_with_a_mistyped_field_says_so(simulated_job: SimulatedJob) -> None:
    with pytest.raises(ValueError, match=r"values, not .*'second': 2"):
        simulated_job(second=2)


def test_lakeflow_clock_controls_the_workspace_time(
    lakeflow_settings: Mapping[str, Any], simulated_job: SimulatedJob, lakeflow_clock: ManualClock
) -> None:
    with app_with(lakeflow_settings, etl=simulated_job(seconds=3600)).app_context():
        etl = current_jobs["etl"]
        run_id = etl.run_now().run_id
        assert next(etl.watch(run_id)).outcome in ("pending", "running")
        lakeflow_clock.advance(3601)
        assert etl.wait(run_id, timeout=DEADLINE).outcome == "succeeded"


def test_lakeflow_workspace_injects_faults(
    lakeflow_settings: Mapping[str, Any], lakeflow_workspace: FaultyWorkspace
) -> None:
    lakeflow_workspace.fail(Refusal(403), path="jobs/run-now")
    with app_with(lakeflow_settings).app_context():
        assert current_jobs["quick"].results.run_now().status == 403
    assert len(lakeflow_workspace.find_requests("POST", "jobs/run-now")) == 1


def test_lakeflow_bundle_that_is_missing_names_its_setting(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["flask_lakeflow_jobs.testing.plugin"]')
    pytester.makepyfile("def test_it(lakeflow_workspace): ...")
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    ended.assert_outcomes(errors=1)
    ended.stdout.fnmatch_lines(["*Set 'lakeflow_bundle' to the path of a databricks.yml*"])
