"""The texts of responses, encoded once for equal reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.upstream.read_cache import CachedResponse
from flask_lakeflow_jobs.web.responses import encode_read
from tests.conftest import MakeApp
from tests.run_documents import build_job

JOB = build_job()
FIRST = CachedResponse("read", texts={})


class CountedBuild:
    """A ``build`` function that counts its calls."""

    def __init__(self, value: Any = "value") -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        return self.value


@pytest.mark.parametrize("value", ["value", "x" * 1_000_000], ids=["short", "long"])
def test_text_of_one_read_is_built_once(value: str) -> None:
    """A text over 64 KiB was built for every request: 41 ms for a run of 1,000 tasks."""
    cached, build = CachedResponse("read", texts={}), CountedBuild([value])
    texts = {encode_read("run", JOB, cached, build) for _ in range(3)}
    assert texts == {f'["{value}"]'}
    assert build.calls == 1


@pytest.mark.parametrize(
    ("view", "job", "cached"),
    [
        ("runs", JOB, FIRST),
        ("run", build_job("other"), FIRST),
        ("run", JOB, CachedResponse("read", texts={})),
    ],
    ids=["view", "job", "read"],
)
def test_text_of_another_read_is_built_again(view: str, job: Job, cached: CachedResponse) -> None:
    build = CountedBuild()
    encode_read("run", JOB, FIRST, build)
    build.calls = 0
    encode_read(view, job, cached, build)
    assert build.calls == 1


def test_text_of_a_response_that_is_not_cached_is_built_each_time() -> None:
    build = CountedBuild()
    for _ in range(2):
        encode_read("run", JOB, CachedResponse("new"), build)
    assert build.calls == 2


class OpenParams(Schema):
    name = fields.String()


class SecretParams(Schema):
    name = fields.String(metadata={"secret": True})


class TestTwoKeysOfOneJob:
    @pytest.fixture
    def app(self, make_app: MakeApp) -> Iterator[Flask]:
        jobs = {
            key: {"of": "greeting", "task_type": "job", "params": schema}
            for key, schema in (("open", OpenParams), ("secret", SecretParams))
        }
        app = make_app(jobs=jobs)
        with app.app_context():
            run_id = current_jobs["open"].run_now({"name": "correct horse"}).run_id
            current_jobs["open"].wait(run_id)
            yield app

    def test_responses_redact_the_secrets_of_their_own_key(self, app: Flask) -> None:
        client = app.test_client()
        newest = current_jobs["open"].last_run()
        assert newest is not None
        for _ in range(2):
            assert "correct horse" in client.get(f"/api/jobs/open/runs/{newest.run_id}").text
            assert "correct horse" not in client.get(f"/api/jobs/secret/runs/{newest.run_id}").text

    def test_views_of_one_read_have_their_own_responses(self, app: Flask) -> None:
        client = app.test_client()
        for _ in range(2):
            status = client.get("/api/jobs/open/status").get_json()
            runs = client.get("/api/jobs/open/runs?limit=1").get_json()
            assert runs == {"runs": [status["run"]]}
