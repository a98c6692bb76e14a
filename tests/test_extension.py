"""Setting up apps: options, several apps, and the host's own routes and error pages."""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort
from werkzeug.exceptions import HTTPException

import flask_lakeflow_jobs
from flask_lakeflow_jobs import (
    ConfigurationError,
    JobConfig,
    LakeflowJobs,
    current_jobs,
)
from flask_lakeflow_jobs.config.keys import ARGUMENTS
from tests.clocks import FakeClock
from tests.support import run_python

ROOT = Path(__file__).parents[1]
ETL = {"etl": JobConfig(job_id=7)}
BUNDLE_WITH_A_TYPO = """
bundle: {name: a}
resources:
  jobs:
    etl:
      tasks:
        - {task_key: a, notebook_task: {notebook_path: load.py}}
        - {task_key: b, notebook_task: {notebook_path: load.py}, depend_on: [{task_key: a}]}
"""


def make(name: str = "app", jobs: Any = ETL, **config: Any) -> Flask:
    app = Flask(name)
    app.config.update(config)
    LakeflowJobs(app, jobs=jobs)
    return app


def test_app_is_set_up_by_constructor_or_init_app() -> None:
    at_once, later = Flask("at once"), Flask("later")
    LakeflowJobs(at_once, jobs=ETL)
    jobs = LakeflowJobs(jobs=ETL)
    jobs.init_app(later)
    for app in (at_once, later):
        with app.app_context():
            assert list(current_jobs) == ["etl"]


def test_init_app_twice_raises() -> None:
    jobs, app = LakeflowJobs(), Flask("app")
    jobs.init_app(app)
    with pytest.raises(RuntimeError, match="once"):
        jobs.init_app(app)
    with pytest.raises(RuntimeError, match="once"):
        LakeflowJobs(app)


def test_command_of_the_app_itself_is_not_replaced(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("app")
    own = app.cli.command("jobs")(lambda: None)
    LakeflowJobs(app, jobs=ETL)
    assert app.cli.commands["jobs"] is own
    assert "'flask jobs' is a command of the app's own" in caplog.text


def test_warnings_of_the_bundle_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "load.py").write_text("# Databricks notebook source\n", encoding="utf-8")
    bundle = tmp_path / "databricks.yml"
    bundle.write_text(BUNDLE_WITH_A_TYPO, encoding="utf-8")
    app = Flask("app")
    app.config["LAKEFLOW_JOBS_BUNDLE"] = str(bundle)
    LakeflowJobs(app)
    (message,) = caplog.messages
    assert message.startswith("LAKEFLOW_JOBS_BUNDLE: databricks.yml:8: The task has the unknown")
    assert message.endswith("Did you mean 'depends_on'?")


def test_constructor_options_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        LakeflowJobs(Flask("app"), ETL)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("LAKEFLOW_JOBS_POLL_INTERVAL", "soon", 1),
        ("LAKEFLOW_JOBS_CONSOLE_PREFIX", "/api/jobs", "/jobs"),
    ],
)
def test_init_app_after_configuration_error_can_be_repeated(
    name: str, wrong: object, right: object
) -> None:
    app = Flask("app")
    app.config.update({"LAKEFLOW_JOBS_CONSOLE": True, name: wrong})
    jobs = LakeflowJobs(jobs=ETL)
    with pytest.raises(ConfigurationError, match=name):
        jobs.init_app(app)
    app.config[name] = right
    jobs.init_app(app)
    assert app.test_client().get("/api/jobs/").status_code == 200


def test_extension_keeps_no_state_of_an_app() -> None:
    jobs, app = LakeflowJobs(jobs=ETL), Flask("app")
    before = dict(vars(jobs))
    jobs.init_app(app)
    assert vars(jobs) == before
    assert app not in vars(jobs).values()


def test_clock_argument_replaces_the_system_clock() -> None:
    app, clock = Flask("app"), FakeClock()
    LakeflowJobs(app, jobs=ETL, clock=clock)
    assert app.extensions["lakeflow_jobs"].clock is clock


def test_one_extension_serves_two_apps_with_own_settings() -> None:
    jobs = LakeflowJobs(jobs={"shared": JobConfig()})
    one, other = Flask("one"), Flask("other")
    one.config.update(DATABRICKS_JOB_SHARED=1, DATABRICKS_JOB_ONLY=5, LAKEFLOW_JOBS_POLL_INTERVAL=1)
    other.config.update(DATABRICKS_JOB_SHARED=2, LAKEFLOW_JOBS_POLL_INTERVAL=9)
    jobs.init_app(one)
    jobs.init_app(other)
    with one.app_context():
        assert current_jobs["shared"].job.job_id == 1
        assert set(current_jobs) == {"shared", "only"}
    with other.app_context():
        assert current_jobs["shared"].job.job_id == 2
        assert set(current_jobs) == {"shared"}
        with one.app_context():
            assert current_jobs["shared"].job.job_id == 1
        assert current_jobs["shared"].job.job_id == 2


def test_jobs_argument_that_is_no_mapping_raises() -> None:
    with pytest.raises(ConfigurationError, match="jobs must be a mapping"):
        LakeflowJobs(jobs=["etl"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["policy", "user_loader", "page_url", "csp_nonce"])
def test_argument_that_is_no_function_raises(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} must be a function, not str"):
        LakeflowJobs(**{name: "ann"})  # type: ignore[arg-type]


def test_cache_argument_that_is_a_configuration_raises() -> None:
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_CACHE"):
        LakeflowJobs(cache={"CACHE_TYPE": "RedisCache"})  # type: ignore[arg-type]


def test_app_of_another_framework_raises() -> None:
    class Quart:
        pass

    app: Any = Quart()
    with pytest.raises(ConfigurationError, match="must be a Flask app, not Quart"):
        LakeflowJobs(app)


def test_jobs_argument_is_copied() -> None:
    configs = dict(ETL)
    jobs = LakeflowJobs(jobs=configs)
    configs["late"] = JobConfig(job_id=8)
    app = Flask("app")
    jobs.init_app(app)
    with app.app_context():
        assert set(current_jobs) == {"etl"}


def test_url_prefix_sets_the_prefix_of_the_routes() -> None:
    app = Flask("app")
    LakeflowJobs(app, jobs=ETL, url_prefix="/my/jobs")
    client = app.test_client()
    assert client.get("/my/jobs").status_code == client.get("/my/jobs/").status_code == 200
    assert client.get("/api/jobs/").status_code == 404


def test_arguments_that_are_no_settings_are_known() -> None:
    arguments = inspect.signature(LakeflowJobs).parameters
    assert set(ARGUMENTS) == set(arguments) - {"app", "jobs", "cache", "clock"}


@pytest.mark.parametrize("prefix", ["/jobs/", "/a/b.c/~d-e"])
def test_url_prefix_accepts_paths(prefix: str) -> None:
    app = Flask("app")
    LakeflowJobs(app, jobs=ETL, url_prefix=prefix)
    assert app.test_client().get(f"{prefix.rstrip('/')}/etl").status_code == 200


@pytest.mark.parametrize(
    "prefix", ["jobs", "/t/<tenant>/jobs", "/x//y", "//", "/a b", "/jobs?", None]
)
def test_url_prefix_that_is_no_path_raises(prefix: Any) -> None:
    with pytest.raises(ConfigurationError, match="url_prefix must be a path"):
        LakeflowJobs(Flask("app"), jobs=ETL, url_prefix=prefix)


def test_host_matching_requires_register_blueprint_false() -> None:
    with pytest.raises(ConfigurationError, match="host_matching"):
        LakeflowJobs(Flask("app", host_matching=True, static_folder=None), jobs=ETL)
    app = Flask("app", host_matching=True, static_folder=None)
    LakeflowJobs(app, jobs=ETL, register_blueprint=False)
    with app.app_context():
        assert list(current_jobs) == ["etl"]


def test_register_blueprint_false_registers_no_routes() -> None:
    app = Flask("app")
    rules = len(list(app.url_map.iter_rules()))
    LakeflowJobs(app, jobs=ETL, register_blueprint=False)
    assert len(list(app.url_map.iter_rules())) == rules
    with app.app_context():
        assert "etl" in current_jobs
    assert "jobs" in app.cli.commands


@pytest.mark.parametrize("slash", ["", "/"])
def test_routes_work_with_and_without_trailing_slash(slash: str) -> None:
    client = make().test_client()
    for path in ("/api/jobs", "/api/jobs/etl"):
        assert client.get(path + slash).status_code == 200


def own_pages(app: Flask) -> None:
    """Error pages and handlers of the host's own."""

    @app.errorhandler(404)
    def missing(_: HTTPException) -> tuple[str, int]:
        return "the host's own 404", 404

    @app.errorhandler(HTTPException)
    def anything(error: HTTPException) -> tuple[str, int]:
        return "the host's own", error.code or 500

    @app.get("/forbidden")
    def forbidden() -> str:
        abort(403)

    @app.get("/unknown")
    def unknown() -> str:
        return current_jobs["elt"].key


@pytest.mark.parametrize("when", ["before", "after"])
def test_error_handlers_of_the_host_are_untouched(when: str) -> None:
    app = Flask("app")
    if when == "before":
        own_pages(app)
    LakeflowJobs(app, jobs=ETL)
    if when == "after":
        own_pages(app)
    client = app.test_client()
    assert client.get("/nowhere").text == "the host's own 404"
    assert client.get("/forbidden").text == "the host's own"
    unknown = client.get("/unknown")
    assert (unknown.status_code, unknown.text) == (404, "the host's own 404")
    ours = client.get("/api/jobs/elt")
    assert (ours.status_code, ours.mimetype) == (404, "application/problem+json")
    assert ours.get_json()["type"].endswith("unknown-job")


def test_error_pages_of_flask_are_untouched() -> None:
    response = make().test_client().get("/nowhere")
    assert (response.status_code, response.mimetype) == (404, "text/html")


def test_app_imports_the_sdk_and_extras_only_when_they_are_needed() -> None:
    program = """
import json, sys
from flask import Flask
import flask_lakeflow_jobs
jobs = flask_lakeflow_jobs.LakeflowJobs(jobs={"etl": {"job_id": 7}})
app = Flask("app")
jobs.init_app(app)
assert app.test_client().get("/api/jobs/").status_code == 200
late = {"alembic", "apprise", "databricks", "markdown_it", "opentelemetry", "pydantic", "rich"}
late.add("sqlalchemy")
print(json.dumps(sorted(late & {name.split(".")[0] for name in sys.modules})))
"""
    assert json.loads(run_python(program)) == []


def test_sdk_that_cannot_be_loaded_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its modules in Rust refuse a second interpreter in a process of mod_wsgi or uWSGI."""
    monkeypatch.setitem(sys.modules, "flask_lakeflow_jobs.upstream.gateway", None)
    with make().app_context(), pytest.raises(ConfigurationError, match=r"cannot be loaded: .*None"):
        current_jobs["etl"].get_run(1001)


def test_record_without_all_modules_of_its_extra_stops_the_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An app may have SQLAlchemy for its own tables. Its first trigger would fail."""
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(ConfigurationError, match=r"RECORD_URL requires alembic: .*\[record\]"):
        make(LAKEFLOW_JOBS_RECORD_URL=True)


def test_public_names_have_docstrings() -> None:
    sources = [(ROOT / "flask_lakeflow_jobs" / file).read_text() for file in NAMES_WITHOUT_CLASS]
    for name in flask_lakeflow_jobs.__all__:
        public = getattr(flask_lakeflow_jobs, name)
        if inspect.isclass(public):
            documented = vars(public).get("__doc__") or f"{name}("
            assert not documented.startswith(f"{name}("), "that is what dataclass makes up"
        elif inspect.isfunction(public):
            assert public.__doc__, name
        else:
            comment = rf"^#: .+\n{name}\b"
            assert any(re.search(comment, source, re.MULTILINE) for source in sources), name


#: The modules of the public names that are neither classes nor functions.
NAMES_WITHOUT_CLASS = ["globals.py", "signals.py"]


@pytest.mark.parametrize("cls", [LakeflowJobs, flask_lakeflow_jobs.JobHandle])
def test_public_methods_have_docstrings(cls: type) -> None:
    for name, member in inspect.getmembers(cls, inspect.isroutine):
        if not name.startswith("_"):
            assert member.__doc__, name


def test_public_names_are_sorted_and_exist() -> None:
    assert flask_lakeflow_jobs.__all__ == sorted(flask_lakeflow_jobs.__all__)
    assert all(hasattr(flask_lakeflow_jobs, name) for name in flask_lakeflow_jobs.__all__)
    assert {*flask_lakeflow_jobs.__all__} <= {*dir(flask_lakeflow_jobs)}
