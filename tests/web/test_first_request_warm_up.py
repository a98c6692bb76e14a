"""The warm-up of a process after its first request."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from typing import Any
from urllib.request import urlopen

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_lakeflow_jobs import LakeflowJobs, LakeflowJobsError, UpstreamUnavailable
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal, hash_token
from flask_lakeflow_jobs.upstream.calls import FAILURE_THRESHOLD
from flask_lakeflow_jobs.web.first_request import WarmUp
from tests.conftest import MakeApp, Serve
from tests.support import DEADLINE, refuse_threads, wait_until
from tests.web.frames import call_from

#: A process that serves two requests, forks, and serves two more in each process.
FORK = """
import os, threading
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app
from flask_lakeflow_jobs.web.first_request import WarmUp

def warm_up():
    os.write(1, b"parent " if os.getpid() == parent else b"child ")

def serve():
    run_wsgi_app(app, EnvironBuilder().get_environ())  # as an adapter without threads does
    for thread in threading.enumerate():
        if thread.name == "lakeflow-warm-up":
            thread.join()

parent = os.getpid()
app = Flask("host")
app.after_request(WarmUp(warm_up).after_request)
serve(), serve()
child = os.fork()
serve(), serve()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""

#: A process that logs in with a client's secret, over a workspace of its own. It prints what the
#: warm-up requested, what a trigger then requested, and the number of connections.
PROCESS = """
import json, sys, threading, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from flask import Flask
from werkzeug.serving import make_server
from flask_lakeflow_jobs import LakeflowJobs

requests, connections = [], set()

class Workspace(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        requests.append(self.path.split("?")[0])
        if self.path.startswith("/api/"):
            connections.add(self.client_address)
            assert self.headers["Authorization"] == "Bearer of-the-app"
        address = f"http://127.0.0.1:{self.server.server_port}"
        document = {}
        if self.path.endswith("databricks-config"):
            document = {"oidc_endpoint": f"{address}/oidc", "host_type": "workspace"}
        elif "well-known" in self.path:
            document = {"token_endpoint": f"{address}/token", "authorization_endpoint": address}
        elif self.path == "/token":
            document = {"access_token": "of-the-app", "token_type": "Bearer", "expires_in": 3600}
        elif self.path.endswith("run-now"):
            document = {"run_id": 1}
        sent = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_POST = do_GET

    def log_message(self, *_):
        pass

def start(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"

app = Flask("host")
app.config.update(
    DATABRICKS_HOST=start(ThreadingHTTPServer(("127.0.0.1", 0), Workspace)),
    DATABRICKS_CLIENT_ID="client",
    DATABRICKS_CLIENT_SECRET="secret",
)
LakeflowJobs(app, jobs={"etl": {"job_id": 7}})
app.add_url_rule("/page", "page", lambda: "a page of the host")
url = start(make_server("127.0.0.1", 0, app, threaded=True))
was_loaded = "databricks.sdk" in sys.modules
urllib.request.urlopen(f"{url}/page").read()
for thread in threading.enumerate():
    if thread.name == "lakeflow-warm-up":
        thread.join()
warm_up, modules = list(requests), set(sys.modules)
json_type = {"Content-Type": "application/json"}
trigger = urllib.request.Request(f"{url}/api/jobs/etl/run", b"{}", json_type)
assert json.load(urllib.request.urlopen(trigger)) == {"runId": 1}
loaded = sorted(set(sys.modules) - modules)
print(json.dumps({
    "was_loaded": was_loaded,
    "warm_up": warm_up,
    "trigger": requests[len(warm_up):],
    "loaded": loaded,
    "connections": len(connections),
}))
"""


class Counter:
    """A warm-up that counts its calls.

    :param error: raised by each call.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self._after_request = WarmUp(self._call).after_request
        self.calls = 0

    def _call(self) -> None:
        self.calls += 1
        if self._error is not None:
            raise self._error

    def make_app(self, **config: Any) -> Flask:
        app = Flask("host")
        app.config.update(config)
        app.after_request(self._after_request)
        return app

    def serve(self, **config: Any) -> None:
        """Let an app serve a request of a server that is not known, and wait for the warm-up."""
        run_wsgi_app(self.make_app(**config), EnvironBuilder("/missing").get_environ())
        join_warm_up()


def join_warm_up() -> None:
    for thread in threading.enumerate():
        if thread.name == "lakeflow-warm-up":
            thread.join(DEADLINE)


def test_warm_up_runs_once_after_a_request_of_any_kind() -> None:
    counter = Counter()
    counter.serve()
    counter.serve()
    assert counter.calls == 1


#: Servers in C, and adapters whose requests have no ``SERVER_SOFTWARE`` and a body in memory.
SERVERS = [
    ("bjoern", "server_run"),
    ("tornado.wsgi", "handle_request"),
    ("hypercorn.app_wrappers", "run_app"),
    ("nobody", "serve"),
]


@pytest.mark.parametrize(("module", "function"), SERVERS, ids=[module for module, _ in SERVERS])
def test_warm_up_runs_on_servers_that_look_like_a_test_client(module: str, function: str) -> None:
    counter = Counter()
    call_from(module, function, None, counter.serve)
    assert counter.calls == 1


def test_warm_up_requests_of_tests_do_not_count() -> None:
    counter = Counter()
    counter.make_app().test_client().get("/missing")
    with counter.make_app().test_client() as client:
        client.get("/missing")
    with counter.make_app().test_request_context("/"):
        pass
    counter.serve(TESTING=True)
    join_warm_up()
    assert counter.calls == 0
    counter.serve()
    assert counter.calls == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UpstreamUnavailable("The workspace is down."), "The workspace is down."),
        (ValueError("dapi-secret"), "ValueError"),
    ],
)
def test_warm_up_that_fails_is_logged_as_info_and_not_repeated(
    error: Exception, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    counter = Counter(error)
    with caplog.at_level(logging.INFO, "flask_lakeflow_jobs"):
        counter.serve()
        counter.serve()
    assert counter.calls == 1
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("flask_lakeflow_jobs.upstream", "INFO")
    assert message in record.getMessage()
    assert "dapi" not in record.getMessage()


def test_warm_up_without_a_free_thread_does_not_fail_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counter = Counter()
    refuse_threads(monkeypatch)
    counter.serve()
    assert counter.calls == 0


def run_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=3 * DEADLINE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_warm_up_runs_again_in_a_forked_process() -> None:
    assert run_process(FORK).split() == ["parent", "child"]


def test_trigger_after_the_warm_up_needs_no_login_connection_or_import() -> None:
    result = json.loads(run_process(PROCESS))

    assert not result["was_loaded"]
    assert result["warm_up"].count("/token") == 1
    assert result["warm_up"][-1] == "/api/2.0/preview/scim/v2/Me"
    assert [path.rpartition("/")[2] for path in result["trigger"]] == ["run-now"]
    assert result["loaded"] == []
    assert result["connections"] == 1


class TestApp:
    """Apps with the extension."""

    def test_warm_up_is_one_request_as_the_app(
        self, make_app: MakeApp, serve: Serve, fault_proxy: FaultyWorkspace
    ) -> None:
        url = serve(make_app(LAKEFLOW_JOBS_WARM_UP=True))
        fetch(f"{url}/api/jobs/")
        wait_until(lambda: fault_proxy.requests, "a request of the warm-up")
        join_warm_up()
        fetch(f"{url}/api/jobs/")
        (sent,) = fault_proxy.find_requests("GET", "scim/v2/Me")
        assert sent.token == hash_token(fault_proxy.token)

    @pytest.mark.parametrize(
        "config",
        [
            {"LAKEFLOW_JOBS_WARM_UP": False},
            {"LAKEFLOW_JOBS_WARM_UP": True, "TESTING": True},
        ],
    )
    def test_warm_up_turned_off_starts_no_thread(
        self, make_app: MakeApp, serve: Serve, config: dict[str, Any]
    ) -> None:
        fetch(serve(make_app(**config)) + "/api/jobs/")
        assert "lakeflow-warm-up" not in {thread.name for thread in threading.enumerate()}

    def test_warm_up_of_jobs_that_run_as_users_makes_no_request(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        app = Flask("host")
        app.config.update(DATABRICKS_HOST=fault_proxy.host, DATABRICKS_TOKEN=fault_proxy.token)
        LakeflowJobs(app, jobs={"etl": {"job_id": 7, "run_as": "user"}})
        app.extensions["lakeflow_jobs"].warm_up()
        assert not fault_proxy.requests

    def test_warm_up_that_fails_is_not_counted_by_the_circuit_breaker(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Drop())
        state = app.extensions["lakeflow_jobs"]
        for _ in range(FAILURE_THRESHOLD):
            with pytest.raises(UpstreamUnavailable):
                state.warm_up()
        assert len(fault_proxy.find_requests("GET", "scim/v2/Me")) == FAILURE_THRESHOLD
        state.upstream.call_resources.breaker.check()

    def test_warm_up_that_is_refused_does_not_show_the_token(
        self, app: Flask, fault_proxy: FaultyWorkspace
    ) -> None:
        fault_proxy.fail(Refusal(403, "PERMISSION_DENIED", f"Bad token {fault_proxy.token}."))
        with pytest.raises(LakeflowJobsError) as caught:
            app.extensions["lakeflow_jobs"].warm_up()
        assert fault_proxy.token not in str(caught.value)


def fetch(url: str) -> None:
    with urlopen(url, timeout=DEADLINE) as response:  # noqa: S310
        response.read()
