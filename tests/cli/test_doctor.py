"""``flask jobs doctor``: what is as it should be, and what is not with its remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service.jobs import JobPermissions
from flask import Flask

from flask_lakeflow_jobs import JobConfig, LakeflowJobs
from flask_lakeflow_jobs.cli.doctor.app_yaml import (
    app_yaml_in,
    app_yaml_of,
    missing_variables,
)
from flask_lakeflow_jobs.cli.doctor.checks import clocks
from flask_lakeflow_jobs.cli.doctor.findings import Finding, Level
from flask_lakeflow_jobs.cli.doctor.permissions import may_run
from flask_lakeflow_jobs.cli.doctor.server import Gunicorn, gunicorn_of, judged
from flask_lakeflow_jobs.local import stop_workspace
from flask_lakeflow_jobs.testing import (
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Reply,
)
from tests.cli.conftest import BUNDLE, Ended, Run

MakeApp = Callable[..., Flask]
GTHREAD = ["--server", "gunicorn -k gthread --threads 64 app:app"]


@pytest.fixture
def make(tmp_path: Path) -> MakeApp:
    """Makes an app in a folder of its own, where it may have an ``app.yaml``."""

    def app(config: Mapping[str, Any] | None = None, **given: Any) -> Flask:
        app = Flask("sound", instance_path=str(tmp_path / "i"), root_path=str(tmp_path / "app"))
        app.config.update(config or {})
        given.setdefault("jobs", {"etl": {"task_type": "job"}, "held": {"task_type": "job"}})
        LakeflowJobs(app, **given)
        return app

    return app


@pytest.fixture
def app(make: MakeApp) -> Flask:
    return make()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory has no ``app.yaml``."""
    monkeypatch.chdir(tmp_path)


def found(ended: Ended, about: str, level: Level = Level.FINDING) -> list[dict[str, Any]]:
    """What was found about something."""
    return [
        each
        for each in ended.document["findings"]
        if each["about"] == about and each["level"] == level.value
    ]


def the_one(ended: Ended, about: str, level: Level = Level.FINDING) -> dict[str, Any]:
    (each,) = found(ended, about, level)
    return each


# ── the command ───────────────────────────────────────────────────────────────────────────────────


def test_a_sound_app_has_no_findings(jobs: Run, fault_proxy: FaultyWorkspace, app: Flask) -> None:
    ended = jobs("doctor", *GTHREAD, of=app)
    assert ended.code == 0, ended.stdout
    assert "is let in by the workspace" in ended.stdout
    assert "finding " not in ended.stdout
    assert fault_proxy.find_requests("POST") == []


def test_json_has_each_finding_with_its_remedy(jobs: Run, make: MakeApp) -> None:
    app = make(jobs={"etl": {"task_type": "notebook"}})
    ended = jobs("doctor", "--json", *GTHREAD, of=app)
    assert ended.code == 1
    assert the_one(ended, "job etl") == {
        "about": "job etl",
        "level": "finding",
        "says": "It declares parameters (day, rows, dry), so the Jobs API takes no others, and its"
        " task_type is 'notebook'.",
        "remedy": "Set its task_type to 'job'.",
        "lines": {},
    }


def test_text_has_the_remedy_and_the_lines_to_add(jobs: Run, app: Flask) -> None:
    ended = jobs("doctor", "--server", "gunicorn -w 4 app:app", of=app)
    assert ended.code == 1
    assert "gunicorn with sync workers holds no streams" in ended.stdout
    assert "In app.yaml:\n           command:\n             - gunicorn" in ended.stdout


def test_without_jobs_it_says_how_to_name_one(
    jobs: Run, make: MakeApp, job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in job_ids:
        monkeypatch.delenv(f"DATABRICKS_JOB_{key.upper()}")
    ended = jobs("doctor", "--json", of=make(jobs={}))
    assert "valueFrom: etl" in the_one(ended, "settings")["lines"]["app.yaml"]


def test_a_key_that_nobody_reads_is_found(
    jobs: Run, make: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_JOBS_NONSENSE_BEYOND_MEASURE", "1")
    ended = jobs("doctor", "--json", of=make({"LAKEFLOW_JOBS_POLL_INTERVALL": 3}))
    typo, stray = sorted(found(ended, "settings"), key=lambda each: len(each["says"]))
    assert typo["remedy"] == "Did you mean LAKEFLOW_JOBS_POLL_INTERVAL?"
    assert stray["remedy"] == "Remove it."


def test_a_variable_that_is_no_job_id_is_found(
    jobs: Run, make: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_JOB_NIGHTLY", "nightly-load")
    ended = jobs("doctor", "--json", of=make())
    assert ended.code == 1
    assert the_one(ended, "settings")["says"] == (
        "DATABRICKS_JOB_NIGHTLY is no job id, so it names no job."
    )
    monkeypatch.setenv("DATABRICKS_JOB_NIGHTLY", "")
    assert jobs("doctor", "--json", *GTHREAD, of=make()).code == 0


def test_a_bundle_that_is_not_used_is_told(jobs: Run, make: MakeApp) -> None:
    ended = jobs("doctor", "--json", of=make({"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"}))
    assert "LAKEFLOW_JOBS_BUNDLE is not used" in the_one(ended, "bundle", Level.NOTE)["says"]


def test_an_app_on_the_embedded_workspace_is_looked_at_too(
    jobs: Run, make: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_HOST")
    monkeypatch.delenv("DATABRICKS_TOKEN")
    app = make({"LAKEFLOW_JOBS_BUNDLE": str(BUNDLE)})
    try:
        ended = jobs("doctor", "--json", *GTHREAD, of=app)
    finally:
        stop_workspace(Path(app.instance_path) / "lakeflow")
    assert ended.code == 0, ended.stdout
    assert the_one(ended, "bundle", Level.FINE)
    assert "by the local workspace" in the_one(ended, "login", Level.FINE)["says"]


# ── the workspace ─────────────────────────────────────────────────────────────────────────────────


def test_a_login_that_is_refused_exits_6(
    jobs: Run, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "wrong")
    ended = jobs("doctor", "--json", of=app)
    assert ended.code == 6
    assert "does not accept the app's credentials" in the_one(ended, "login")["says"]
    assert "DATABRICKS_CLIENT_ID" in the_one(ended, "login")["remedy"]
    assert found(ended, "jobs", Level.NOTE)
    assert "wrong" not in ended.stdout


def test_a_workspace_that_is_not_there_exits_7(
    jobs: Run, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    ended = jobs("doctor", of=app)
    assert ended.code == 7
    assert "cannot be reached" in ended.stdout


def test_a_job_that_is_not_there_is_found(jobs: Run, make: MakeApp) -> None:
    ended = jobs("doctor", "--json", of=make(jobs={"gone": {"job_id": 17}}))
    each = the_one(ended, "job gone")
    assert "has no job 17" in each["says"]
    assert "DATABRICKS_JOB_GONE" in each["remedy"]
    assert "valueFrom: gone" in each["lines"]["app.yaml"]
    assert "permission: CAN_MANAGE_RUN" in each["lines"]["databricks.yml"]
    assert ended.code == 1


@pytest.mark.parametrize(
    ("fault", "code", "remedy"),
    [
        (Refusal(403), 6, "bind the job to the app"),
        (GatewayPage(), 7, "See that DATABRICKS_HOST"),
        (InvalidBody(), 7, "See that DATABRICKS_HOST"),
    ],
    ids=["denied", "failing", "nonsense"],
)
def test_a_job_that_cannot_be_looked_at_is_found(
    jobs: Run, fault_proxy: FaultyWorkspace, make: MakeApp, fault: Fault, code: int, remedy: str
) -> None:
    fault_proxy.fail(fault, path="jobs/get")
    ended = jobs("doctor", "--json", of=make(jobs={"etl": {"task_type": "job"}}))
    assert remedy in the_one(ended, "job etl")["remedy"]
    assert ended.code == code


def permissions(entry: dict[str, Any]) -> Callable[[Exchange], None]:
    """A workspace that says who may do what with a job."""

    def answer(exchange: Exchange) -> None:
        body = json.dumps({"access_control_list": [entry]}).encode()
        exchange.respond(Reply(200, {"Content-Type": "application/json"}, body))

    return answer


def test_a_job_that_this_identity_may_not_run_is_found(
    jobs: Run, fault_proxy: FaultyWorkspace, app: Flask, job_ids: Mapping[str, int]
) -> None:
    viewers = {"group_name": "users", "all_permissions": [{"permission_level": "CAN_VIEW"}]}
    fault_proxy.fail(permissions(viewers), path=f"permissions/jobs/{job_ids['etl']}")
    ended = jobs("doctor", "--json", *GTHREAD, of=app)
    each = the_one(ended, "job etl")
    assert "and not run it" in each["says"]
    assert "level: CAN_MANAGE_RUN" in each["lines"]["databricks.yml"]
    assert found(ended, "job held") == []


def test_permissions_that_cannot_be_read_are_no_finding(
    jobs: Run, fault_proxy: FaultyWorkspace, app: Flask
) -> None:
    fault_proxy.fail(Refusal(403), path=f"permissions/jobs/{app_job(app, 'etl')}")
    ended = jobs("doctor", "--json", *GTHREAD, of=app)
    assert "cannot be read" in the_one(ended, "job etl", Level.NOTE)["says"]
    assert ended.code == 0


def app_job(app: Flask, key: str) -> int:
    return int(app.extensions["lakeflow_jobs"].settings.jobs[key].job_id)


ME = {"userName": "ann@example.com", "groups": [{"display": "users"}, {"display": "etl"}]}


@pytest.mark.parametrize(
    ("entry", "me", "may"),
    [
        ({"user_name": "ann@example.com"}, ME, True),
        ({"group_name": "etl"}, ME, True),
        ({"group_name": "others"}, ME, False),
        ({"service_principal_name": "1234"}, {"userName": "1234"}, True),
        ({"user_name": "bob@example.com"}, {"userName": "x", "groups": [{"display": "admins"}]}, 1),
        ({}, {}, False),
    ],
)
def test_who_may_run(entry: dict[str, Any], me: dict[str, Any], may: bool) -> None:
    for level, is_enough in [("CAN_MANAGE_RUN", True), ("IS_OWNER", True), ("CAN_VIEW", False)]:
        granted = {**entry, "all_permissions": [{"permission_level": level}]}
        acl = JobPermissions.from_dict({"access_control_list": [granted]})
        is_admin = any(group["display"] == "admins" for group in me.get("groups", []))
        assert may_run(acl, me) is bool(may and (is_enough or is_admin)), level


@pytest.mark.parametrize(
    ("jobs_of_app", "about", "level", "says"),
    [
        ({"etl": {}}, "job etl", Level.NOTE, "job_parameters only"),
        ({"words": {"task_type": "job"}}, "job words", Level.FINDING, "declares no parameters"),
    ],
)
def test_parameters_that_would_not_arrive(
    jobs: Run, make: MakeApp, jobs_of_app: Any, about: str, level: Level, says: str
) -> None:
    ended = jobs("doctor", "--json", of=make(jobs=jobs_of_app))
    assert says in the_one(ended, about, level)["says"]


@pytest.mark.parametrize(
    ("date", "now", "level"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", 1795521600.5, Level.FINE),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 1795521604.0, Level.FINE),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 1795521630.0, Level.FINDING),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 1795521570.0, Level.FINDING),
        ("soon", 1795521600.0, Level.NOTE),
        (None, 1795521600.0, Level.NOTE),
    ],
)
def test_clocks_that_differ(date: str | None, now: float, level: Level) -> None:
    assert clocks(date, now).level is level


def test_a_workspace_of_another_time_is_found(
    jobs: Run, fault_proxy: FaultyWorkspace, app: Flask
) -> None:
    def long_ago(exchange: Exchange) -> None:
        body = b'{"userName": "ann@example.com"}'
        headers = {"Content-Type": "application/json", "Date": "Tue, 24 Nov 1998 12:00:00 GMT"}
        exchange.respond(Reply(200, headers, body))

    fault_proxy.fail(long_ago, path="scim/v2/Me")
    assert "ahead of the workspace's" in the_one(jobs("doctor", "--json", of=app), "clock")["says"]


# ── who may what ──────────────────────────────────────────────────────────────────────────────────


def may(user: object, action: str, job: str) -> bool:
    return True


def test_without_a_policy_it_says_who_may_start_jobs(jobs: Run, app: Flask) -> None:
    ended = jobs("doctor", "--json", of=app)
    assert "There is no policy" in the_one(ended, "access", Level.NOTE)["says"]


def test_a_policy_that_nobody_tells_who_asks_is_found(jobs: Run, make: MakeApp) -> None:
    ended = jobs("doctor", "--json", of=make(policy=may))
    assert "its user is always None" in the_one(ended, "access")["says"]
    assert found(jobs("doctor", "--json", of=make(policy=may, user_loader=dict)), "access") == []


def test_proxy_headers_are_doubted_where_there_is_no_such_proxy(
    jobs: Run, make: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make({"LAKEFLOW_JOBS_TRUST_PROXY_HEADERS": True}, policy=may)
    says = the_one(jobs("doctor", "--json", of=app), "access", Level.NOTE)["says"]
    assert "is believed" in says
    monkeypatch.setenv("DATABRICKS_APP_NAME", "shop")
    ended = jobs("doctor", "--json", of=app)
    assert found(ended, "access", Level.NOTE) == found(ended, "access") == []


def test_a_job_that_runs_as_its_users_is_found_on_databricks_apps(
    jobs: Run, make: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(jobs={"etl": JobConfig(task_type="job", run_as="user")})
    assert found(jobs("doctor", "--json", of=app), "job etl") == []
    monkeypatch.setenv("DATABRICKS_APP_NAME", "shop")
    ended = jobs("doctor", "--json", of=app)
    assert "no 'jobs' scope" in the_one(ended, "job etl")["says"]


# ── the cache ─────────────────────────────────────────────────────────────────────────────────────


def test_a_cache_to_share_is_tried_out(jobs: Run, make: MakeApp, tmp_path: Path) -> None:
    folder = str(tmp_path / "cache")
    app = make({"LAKEFLOW_JOBS_CACHE": {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": folder}})
    ended = jobs("doctor", "--json", *GTHREAD, of=app)
    assert the_one(ended, "cache", Level.FINE)
    assert ended.code == 0


def test_whom_a_notification_tells_without_one_is_said(jobs: Run, make: MakeApp) -> None:
    login = {"LAKEFLOW_JOBS_WEBHOOK_USERNAME": "u", "LAKEFLOW_JOBS_WEBHOOK_PASSWORD": "p" * 32}
    ended = jobs("doctor", "--json", *GTHREAD, of=make(login))
    assert "only the one that gets it" in the_one(ended, "cache", Level.NOTE)["says"]
    assert ended.code == 0


def test_a_cache_that_cannot_be_reached_is_found(jobs: Run, make: MakeApp) -> None:
    pytest.importorskip("redis")
    url = "redis://127.0.0.1:9/0"
    app = make({"LAKEFLOW_JOBS_CACHE": {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url}})
    ended = jobs("doctor", "--json", of=app)
    assert "cannot be reached" in the_one(ended, "cache")["says"]
    assert ended.code == 1


# ── the server ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "environ", "server"),
    [
        ("gunicorn app:app", {}, Gunicorn("sync", 1, 1)),
        ("gunicorn app:app -w 4", {}, Gunicorn("sync", 4, 1)),
        ("/usr/bin/gunicorn --workers=4 --threads 8 a:b", {}, Gunicorn("gthread", 4, 8)),
        ("python -m gunicorn -k gevent a:b", {}, Gunicorn("gevent", 1, 1)),
        ("gunicorn a:b", {"WEB_CONCURRENCY": "3"}, Gunicorn("sync", 3, 1)),
        ("gunicorn a:b", {"GUNICORN_CMD_ARGS": "-k gthread -w 2"}, Gunicorn("gthread", 2, 1)),
        ("gunicorn -w 5 a:b", {"GUNICORN_CMD_ARGS": "-w 2"}, Gunicorn("sync", 5, 1)),
        ("gunicorn -w many a:b", {}, None),
        ("flask run", {}, None),
        ("", {}, None),
    ],
)
def test_what_a_command_line_starts(
    command: str, environ: dict[str, str], server: Gunicorn | None
) -> None:
    assert gunicorn_of(command.split(), environ) == server


def classify(command: str, **given: bool) -> list[Finding]:
    facts = {"has_push": True, "shares_cache": True} | given
    return list(judged(command.split(), {}, **facts))


@pytest.mark.parametrize(
    ("command", "given", "levels"),
    [
        ("gunicorn a:b", {}, [Level.FINDING]),
        ("gunicorn -k gthread --threads 64 a:b", {}, [Level.FINE]),
        ("gunicorn -k gthread --threads 4 a:b", {}, [Level.FINE]),
        ("gunicorn -k gthread --threads 4 a:b", {"has_push": False}, [Level.FINDING]),
        ("gunicorn -k gevent a:b", {}, [Level.FINE]),
        ("gunicorn -k gevent -w 4 a:b", {}, [Level.FINE]),
        ("gunicorn -k gevent -w 4 a:b", {"shares_cache": False}, [Level.FINE, Level.NOTE]),
        ("gunicorn -k tornado a:b", {}, [Level.NOTE]),
        ("flask run --debug", {}, [Level.NOTE]),
        ("waitress-serve app:app", {}, [Level.NOTE]),
        ("uwsgi --http :8000", {}, [Level.NOTE]),
        ("", {}, [Level.NOTE]),
    ],
)
def test_servers_are_judged_by_the_streams_they_bear(
    command: str, given: dict[str, bool], levels: list[Level]
) -> None:
    assert [each.level for each in classify(command, **given)] == levels


def test_app_yaml_is_found_and_read(tmp_path: Path) -> None:
    assert app_yaml_in([tmp_path]) is None
    (tmp_path / "app.yaml").write_text("command: gunicorn a:b -w 2\nenv:\n  - name: A\n")
    found = app_yaml_in([tmp_path / "nowhere", tmp_path])
    assert found is not None
    assert found.command == ("gunicorn", "a:b", "-w", "2")
    assert found.env == {"A"}


@pytest.mark.parametrize("text", ["[", "just words", "", "command: 5", "env: x", 'command: "\'"'])
def test_a_strange_app_yaml_breaks_nothing(jobs: Run, app: Flask, text: str) -> None:
    Path("app.yaml").write_text(text)
    ended = jobs("doctor", "--json", of=app)
    assert "cannot be read" in the_one(ended, "app.yaml")["says"]


def test_a_command_with_an_open_quote_is_refused(jobs: Run, app: Flask) -> None:
    assert jobs("doctor", "--server", "gunicorn 'a", of=app).code == 2


def test_ids_that_app_yaml_does_not_hand_over_are_found() -> None:
    app_yaml = app_yaml_of(Path("app.yaml"), {"env": [{"name": "DATABRICKS_JOB_ETL"}]})
    (each,) = missing_variables(app_yaml, ["etl", "nightly-load"])
    assert each.about == "job nightly-load"
    assert "name: DATABRICKS_JOB_NIGHTLY_LOAD" in each.lines["app.yaml"]
    assert "id: ${resources.jobs.nightly-load.id}" in each.lines["databricks.yml"]


def test_the_command_of_app_yaml_is_judged(jobs: Run, app: Flask) -> None:
    Path("app.yaml").write_text("command: [gunicorn, app:app, -w, 4]\n")
    ended = jobs("doctor", "--json", of=app)
    assert "sync workers" in the_one(ended, "server")["says"]
    assert "does not hand over DATABRICKS_JOB_ETL" in the_one(ended, "job etl")["says"]
