"""The texts of responses: encoded once for equal reads, and never another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.upstream.read_cache import CachedResponse, ETag
from flask_lakeflow_jobs.web.responses import MAX_TEXTS_CHARS, ResponseTexts
from tests.conftest import MakeApp
from tests.run_documents import build_job

JOB = build_job()


def read(at: float, path: str = "run:1") -> CachedResponse:
    return CachedResponse("read", etag=ETag(path, "generation", at))


class CountedBuild:
    """A ``build`` function that counts its calls."""

    def __init__(self, value: Any = "value") -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        return self.value


def test_texts_of_one_read_are_built_once() -> None:
    texts, build = ResponseTexts(), CountedBuild({"a": 1})
    assert [texts.get("run", JOB, read(1.0), build) for _ in range(3)] == ['{"a":1}'] * 3
    assert build.calls == 1


@pytest.mark.parametrize(
    "other",
    [
        ("runs", JOB, read(1.0)),
        ("run", build_job("other"), read(1.0)),
        ("run", JOB, read(2.0)),
        ("run", JOB, read(1.0, "run:2")),
        ("run", JOB, CachedResponse("new")),
    ],
    ids=["view", "job", "time", "path", "not cached"],
)
def test_texts_of_another_read_are_built_again(other: tuple[str, Any, CachedResponse]) -> None:
    texts, build = ResponseTexts(), CountedBuild()
    texts.get("run", JOB, read(1.0), build)
    texts.get(*other, build)
    assert build.calls == 2


def test_text_of_a_run_with_many_tasks_is_built_once() -> None:
    """A text over 64 KiB was built for every request: 41 ms for a run of 1,000 tasks."""
    texts, build = ResponseTexts(), CountedBuild("x" * 1_000_000)
    for _ in range(3):
        texts.get("run", JOB, read(0.0), build)
    assert build.calls == 1


def test_texts_are_dropped_beyond_their_limit() -> None:
    texts, build = ResponseTexts(), CountedBuild("x" * 1_000_000)
    for at in range(MAX_TEXTS_CHARS // 1_000_000 + 1):
        texts.get("run", JOB, read(at), build)
    calls = build.calls
    texts.get("run", JOB, read(0.0), build)
    assert build.calls == calls + 1


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
            run_id = current_jobs["open"].run_now({"name": "hunter2"}).run_id
            current_jobs["open"].wait(run_id)
            yield app

    def test_responses_redact_the_secrets_of_their_own_key(self, app: Flask) -> None:
        client = app.test_client()
        newest = current_jobs["open"].last_run()
        assert newest is not None
        for _ in range(2):
            assert "hunter2" in client.get(f"/api/jobs/open/runs/{newest.run_id}").text
            assert "hunter2" not in client.get(f"/api/jobs/secret/runs/{newest.run_id}").text

    def test_views_of_one_read_have_their_own_responses(self, app: Flask) -> None:
        client = app.test_client()
        for _ in range(2):
            status = client.get("/api/jobs/open/status").get_json()
            runs = client.get("/api/jobs/open/runs?limit=1").get_json()
            assert runs == {"runs": [status["run"]]}
