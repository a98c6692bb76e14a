"""The proxies for the current app."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, UnknownJob, current_jobs


def make_app(*keys: str) -> Flask:
    app = Flask("app")
    LakeflowJobs(app, jobs={key: {"job_id": 7} for key in keys})
    return app


def test_current_jobs_is_a_read_only_mapping() -> None:
    with make_app("etl", "report").app_context():
        assert "etl" in current_jobs
        assert "elt" not in current_jobs
        assert len(current_jobs) == 2
        assert sorted(current_jobs) == ["etl", "report"]
        assert current_jobs["etl"].key == "etl"
        assert "etl" in repr(current_jobs)
        assert "etl" in repr(current_jobs["etl"])
        watch = current_jobs["etl"].watch(12)
        assert (repr(watch), watch.run_id) == ("<RunWatch of run 12>", 12)
        with pytest.raises(TypeError):
            current_jobs["new"] = current_jobs["etl"]  # type: ignore[index]


def test_current_jobs_unknown_key_lists_known_keys() -> None:
    with make_app("etl").app_context():
        with pytest.raises(UnknownJob, match="'etl'"):
            current_jobs["elt"]
        with pytest.raises(KeyError):
            current_jobs["elt"]
        with pytest.raises(UnknownJob, match="no job None"):  # of a form without this field
            current_jobs[None]  # type: ignore[index]
        assert current_jobs.get("elt") is None


def test_current_jobs_outside_app_context_raises() -> None:
    make_app("etl")
    with pytest.raises(RuntimeError, match="app context"):
        current_jobs["etl"]
    with pytest.raises(RuntimeError, match="app context"):
        len(current_jobs)
    with pytest.raises(RuntimeError, match="app context"):
        list(current_jobs)
    assert "no app" in repr(current_jobs)


def test_current_jobs_without_extension_raises() -> None:
    make_app("etl")
    with Flask("other").app_context(), pytest.raises(RuntimeError, match="LakeflowJobs") as caught:
        current_jobs["etl"]
    assert "app context" not in str(caught.value)
