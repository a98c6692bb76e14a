"""Other extensions that bring routes, workers or ways to call views."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, current_jobs, run_finished
from tests.conftest import MakeApp
from tests.hosts.support import import_package
from tests.support import wait_until

PROBLEM_JSON = "application/problem+json"


def test_flask_admin_serves_its_pages_beside_the_console(make_app: MakeApp) -> None:
    app = make_app(LAKEFLOW_JOBS_CONSOLE=True, SECRET_KEY="of the host")
    import_package("flask_admin").Admin(app, name="Shop")
    client = app.test_client()

    assert "Shop" in client.get("/admin/").text
    assert "never" in client.get("/jobs/").text
    assert client.post("/api/jobs/never/run", json={}).status_code == 200


def test_apiflask_documents_an_app_that_has_the_console() -> None:
    app: Flask = import_package("apiflask").APIFlask("shop")
    app.config["LAKEFLOW_JOBS_CONSOLE"] = True
    LakeflowJobs(app, jobs={"etl": {"job_id": 7}})

    assert app.test_client().get("/openapi.json").status_code == 200


def test_dash_that_serves_all_other_paths_leaves_the_routes_alone(make_app: MakeApp) -> None:
    app = make_app(LAKEFLOW_JOBS_CONSOLE=True)
    dash = import_package("dash")
    dash.Dash("shop", server=app).layout = dash.html.Div("A dashboard")
    client = app.test_client()

    assert "_dash" in client.get("/anything").text
    assert client.get("/api/jobs/").is_json
    assert "never" in client.get("/jobs/").text
    missing = client.get("/api/jobs/no/such/route")
    assert (missing.status_code, missing.mimetype) == (404, PROBLEM_JSON)


def test_flask_socketio_sends_the_end_of_a_run_from_a_signal(app: Flask) -> None:
    socketio = import_package("flask_socketio").SocketIO(app, async_mode="threading")

    @run_finished.connect_via(app)
    def send(_: Flask, *, job: str, status: Any, **__: Any) -> None:
        socketio.emit("finished", {"job": job, "outcome": status.outcome})

    sockets = socketio.test_client(app)
    client = app.test_client()
    run_id = client.post("/api/jobs/quick/run", json={}).get_json()["runId"]
    assert "event: end" in client.get(f"/api/jobs/quick/runs/{run_id}/stream").text
    events = wait_until(sockets.get_received, "an event of the socket")
    assert [event["args"] for event in events] == [[{"job": "quick", "outcome": "succeeded"}]]


@pytest.mark.filterwarnings("ignore:'get_engine' is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("settings", "would_change"),
    [({}, True), ({"include_name": lambda name, *_: not str(name).startswith("lakeflow_")}, False)],
    ids=["all tables", "include_name"],
)
def test_flask_migrate_leaves_tables_of_the_record_that_are_left_out(
    settings: dict[str, Any],
    would_change: bool,
    make_app: MakeApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("logging.config.fileConfig", lambda _: None)  # it disables all loggers
    flask_migrate = import_package("flask_migrate")
    url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    app = make_app(LAKEFLOW_JOBS_RECORD_URL=url, SQLALCHEMY_DATABASE_URI=url)
    assert app.test_cli_runner().invoke(args=["jobs", "record", "upgrade"]).exit_code == 0
    database = import_package("flask_sqlalchemy").SQLAlchemy(app)
    flask_migrate.Migrate(app, database, directory=str(tmp_path / "migrations"), **settings)

    with app.app_context(), contextlib.ExitStack() as changes:
        flask_migrate.init()
        if would_change:
            changes.enter_context(pytest.raises(SystemExit))
        flask_migrate.check()


def test_celery_task_in_an_app_context_waits_for_a_run(app: Flask) -> None:
    celery = import_package("celery")

    class FlaskTask(celery.Task):  # type: ignore[misc,name-defined]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    worker = celery.Celery("shop", task_cls=FlaskTask, set_as_current=False)
    worker.conf.task_always_eager = True

    def load(job: str) -> str:
        return str(list(current_jobs[job].run_and_wait())[-1].outcome)

    assert worker.task(load).delay("quick").get() == "succeeded"


@pytest.mark.parametrize("in_thread", [False, True])
def test_async_views_call_the_handles(app: Flask, in_thread: bool) -> None:
    import_package("asgiref")

    @app.get("/newest")
    async def newest() -> dict[str, Any]:
        etl = current_jobs["never"]
        run = await asyncio.to_thread(etl.last_run) if in_thread else etl.last_run()
        return {"run_id": run.run_id if run else None}

    client = app.test_client()
    run_id = client.post("/api/jobs/never/run", json={}).get_json()["runId"]
    assert client.get("/newest").get_json() == {"run_id": run_id}
