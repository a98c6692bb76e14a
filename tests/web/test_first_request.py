"""The start of following: after a request of a server, and of nothing else."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_lakeflow_jobs import ConfigurationError, LakeflowJobs
from flask_lakeflow_jobs.following.follower import Follower
from flask_lakeflow_jobs.web.first_request import FollowStart
from tests.web.frames import call_from


class CountingFollower:
    """A follower that ends at once, and counts how often it was run."""

    def __init__(self) -> None:
        self.runs = 0

    def build(self) -> Follower:
        return cast("Follower", self)

    def run(self) -> None:
        self.runs += 1

    def stop(self) -> None:
        """End nothing: it has ended."""


def make_app(follower: CountingFollower, **config: Any) -> Flask:
    app = Flask("host")
    app.config.update(config)
    app.after_request(FollowStart(follower.build).after_request)
    return app


def serve(app: Flask, owner: object) -> None:
    """Let an app serve a request of waitress, and wait for the thread that it starts."""

    def request() -> None:
        run_wsgi_app(app, EnvironBuilder("/missing").get_environ())

    call_from("waitress.task", "handler_thread", owner, request)
    for thread in threading.enumerate():
        if thread.name == "lakeflow-follow":
            thread.join()


def enter_context(app: Flask) -> None:
    """Do as a command that makes URLs."""
    with app.test_request_context("/"):
        pass


class Waitress:
    stop_count = 0

    def __init__(self, threads: int) -> None:
        self.threads = set(range(threads))


def test_follow_starts_once_after_the_first_request_of_a_server() -> None:
    follower = CountingFollower()
    app = make_app(follower)
    for _ in range(3):
        serve(app, Waitress(4))
    assert follower.runs == 1


@pytest.mark.parametrize("use", [lambda app: app.test_client().get("/"), enter_context])
def test_follow_does_not_start_in_tests_and_commands(use: Callable[[Flask], object]) -> None:
    follower = CountingFollower()
    use(make_app(follower))
    serve(make_app(follower, TESTING=True), Waitress(4))
    assert follower.runs == 0


def test_follow_on_one_thread_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    follower = CountingFollower()
    app = make_app(follower)
    with caplog.at_level(logging.WARNING, "flask_lakeflow_jobs"):
        serve(app, Waitress(1))
        serve(app, Waitress(1))
    assert follower.runs == 0
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "waitress serves one request at a time"
    ]


class WaitingFollower(CountingFollower):
    """A follower that runs until it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self._stop = threading.Event()

    def run(self) -> None:
        super().run()
        self._stop.wait()

    def stop(self) -> None:
        self._stop.set()


def test_follow_can_start_before_the_first_request_and_stops_with_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", lambda *call: at_exit.append(partial(*call)))
    follower = WaitingFollower()
    start = FollowStart(follower.build)
    start.start()
    start.start()
    (thread,) = [each for each in threading.enumerate() if each.name == "lakeflow-follow"]
    (stop,) = at_exit
    stop()
    assert not thread.is_alive()
    assert follower.runs == 1


def test_follow_of_an_app_that_does_not_follow_names_the_key() -> None:
    app = Flask("app")
    jobs = LakeflowJobs(app)
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_FOLLOW"):
        jobs.follow(app)
