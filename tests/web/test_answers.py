"""The texts of answers: made once while nothing is new, and never another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.upstream.read_cache import CachedResponse, ETag
from flask_lakeflow_jobs.web.responses import LONGEST, MOST, ResponseTexts
from tests.conftest import MakeApp
from tests.run_documents import named_job

JOB = named_job()


def seen(at: float, question: str = "run:1") -> CachedResponse:
    return CachedResponse("read", etag=ETag(question, "generation", at))


class Described:
    """An answer that counts how often it is made."""

    def __init__(self, answer: Any = "answer") -> None:
        self.answer = answer
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        return self.answer


def test_the_same_reading_is_described_once() -> None:
    response_texts, described = ResponseTexts(), Described({"a": 1})
    texts = [response_texts.text("run", JOB, seen(1.0), described) for _ in range(3)]
    assert texts == ['{"a":1}'] * 3
    assert described.count == 1


@pytest.mark.parametrize(
    "other",
    [
        ("runs", JOB, seen(1.0)),
        ("run", named_job("other"), seen(1.0)),
        ("run", JOB, seen(2.0)),
        ("run", JOB, seen(1.0, "run:2")),
        ("run", JOB, CachedResponse("new")),
    ],
    ids=["view", "job", "moment", "question", "not kept"],
)
def test_another_reading_is_described_anew(other: tuple[str, Any, CachedResponse]) -> None:
    response_texts, described = ResponseTexts(), Described()
    response_texts.text("run", JOB, seen(1.0), described)
    response_texts.text(*other, described)
    assert described.count == 2


def test_few_are_kept_and_none_that_is_long() -> None:
    response_texts, described, long = ResponseTexts(), Described(), Described("x" * LONGEST)
    for _ in range(2):
        response_texts.text("run", JOB, seen(0.0), long)
    assert long.count == 2
    for at in range(MOST + 1):
        response_texts.text("run", JOB, seen(at), described)
    response_texts.text("run", JOB, seen(0.0), described)
    assert described.count == MOST + 2


class Open(Schema):
    name = fields.String()


class Secret(Schema):
    name = fields.String(metadata={"secret": True})


class TestTwoKeysOfOneJob:
    @pytest.fixture
    def app(self, make_app: MakeApp) -> Iterator[Flask]:
        jobs = {
            key: {"of": "greeting", "task_type": "job", "params": schema}
            for key, schema in (("open", Open), ("secret", Secret))
        }
        app = make_app(jobs=jobs)
        with app.app_context():
            run_id = current_jobs["open"].run_now({"name": "hunter2"}).run_id
            current_jobs["open"].wait(run_id)
            yield app

    def test_each_hides_what_it_has_to(self, app: Flask) -> None:
        client = app.test_client()
        newest = current_jobs["open"].last_run()
        assert newest is not None
        for _ in range(2):
            assert "hunter2" in client.get(f"/api/jobs/open/runs/{newest.run_id}").text
            assert "hunter2" not in client.get(f"/api/jobs/secret/runs/{newest.run_id}").text

    def test_views_of_one_reading_each_have_their_answer(self, app: Flask) -> None:
        client = app.test_client()
        for _ in range(2):
            status = client.get("/api/jobs/open/status").get_json()
            runs = client.get("/api/jobs/open/runs?limit=1").get_json()
            assert runs == {"runs": [status["run"]]}
