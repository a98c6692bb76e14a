"""Errors: status, exit code, message, copies and responses."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

import flask_lakeflow_jobs
from flask_lakeflow_jobs import (
    ConfigurationError,
    HandleClosed,
    InvalidParameters,
    LakeflowJobsError,
    MissingUserToken,
    NotAllowed,
    RunNotFound,
    RunTimeout,
    UnknownJob,
    UpstreamError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
)
from flask_lakeflow_jobs.errors import quote
from tests.support import DEADLINE

EXIT_CODES = {0, 1, 2, 3, 4, 5, 6, 7, 130}
STATUSES = {400, 401, 403, 404, 409, 415, 429, 500, 502, 503, 504}


def subclasses(cls: type[LakeflowJobsError]) -> set[type[LakeflowJobsError]]:
    return {cls}.union(*(subclasses(sub) for sub in cls.__subclasses__()))


ERRORS = sorted(subclasses(LakeflowJobsError), key=lambda cls: cls.__name__)


def one(cls: type[LakeflowJobsError]) -> LakeflowJobsError:
    if cls is UnknownJob:
        return UnknownJob("elt", ["etl", "report"])
    if cls is RunNotFound:
        return RunNotFound(5, "etl")
    if cls is RunTimeout:
        return RunTimeout(5, 600.0)
    return cls("It failed. Try again.")


def pickled(error: LakeflowJobsError) -> LakeflowJobsError:
    copied: LakeflowJobsError = pickle.loads(pickle.dumps(error))  # noqa: S301
    return copied


def fail() -> None:
    raise RunNotFound(5, "etl")


@pytest.mark.parametrize("cls", ERRORS)
def test_error_has_status_exit_code_kind_title_and_detail(cls: type[LakeflowJobsError]) -> None:
    error = one(cls)
    assert isinstance(error, HTTPException)
    assert error.code in STATUSES
    assert error.exit_code in EXIT_CODES - {0}
    assert error.kind == error.kind.lower()
    assert error.title
    assert str(error) == error.detail == error.description
    # Celery logs the one, and sends the other to the caller of a task.
    assert repr(error) == f"{cls.__name__}({error.detail!r})"
    assert error.args == (error.detail,)
    assert error.detail.endswith((".", "'."))
    assert isinstance(error.retryable, bool)
    assert cls.__doc__


def test_errors_have_distinct_kinds_and_titles() -> None:
    assert len({cls.kind for cls in ERRORS}) == len(ERRORS)
    assert len({cls.title for cls in ERRORS}) == len(ERRORS)


def test_errors_are_public_names() -> None:
    assert {cls.__name__ for cls in ERRORS} <= set(flask_lakeflow_jobs.__all__)


@pytest.mark.parametrize(
    ("cls", "status", "exit_code"),
    [
        (ConfigurationError, 500, 2),
        (UnknownJob, 404, 2),
        (InvalidParameters, 400, 2),
        (MissingUserToken, 401, 6),
        (NotAllowed, 403, 6),
        (RunNotFound, 404, 2),
        (UpstreamError, 502, 7),
        (UpstreamUnauthenticated, 502, 6),
        (UpstreamUnavailable, 503, 7),
        (UpstreamThrottled, 429, 7),
        (UpstreamTimeout, 504, 7),
        (RunTimeout, 504, 4),
    ],
)
def test_error_status_and_exit_code_match_the_contract(
    cls: type[LakeflowJobsError], status: int, exit_code: int
) -> None:
    assert (cls.code, cls.exit_code) == (status, exit_code)


def test_unknown_job_is_a_key_error_that_lists_known_keys() -> None:
    error = one(UnknownJob)
    assert isinstance(error, KeyError)
    assert "'elt'" in str(error)
    assert "'etl', 'report'" in str(error)
    assert "none" in str(UnknownJob("x", []))


def test_errors_are_builtin_exceptions_where_python_has_one() -> None:
    assert isinstance(one(RunTimeout), TimeoutError)
    assert isinstance(one(HandleClosed), RuntimeError)


def test_run_timeout_message_says_that_the_run_continues() -> None:
    assert str(RunTimeout(5, 1.5)) == "Run 5 has not ended within 1.5 seconds. It continues."


def test_run_timeout_message_with_last_error_quotes_it() -> None:
    error = RunTimeout(5, 1.5, last_error="The workspace is away.")
    assert str(error) == "No end of run 5 was observed within 1.5 seconds. The workspace is away."


def test_invalid_parameters_copies_messages_by_field() -> None:
    messages = {"a": ["Wrong."]}
    error = InvalidParameters("See there.", messages)
    messages["b"] = []
    assert error.messages == {"a": ["Wrong."]}
    assert InvalidParameters("See there.").messages == {}


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled], ids=lambda f: f.__name__)
def test_error_can_be_copied_and_pickled(
    again: Callable[[LakeflowJobsError], LakeflowJobsError],
) -> None:
    for cls in ERRORS:
        error = one(cls)
        error.response = Response("Elsewhere")
        error.upstream_code, error.retry_seconds = "A_CODE", 1.5
        copied = again(error)
        assert type(copied) is cls
        assert (str(copied), copied.args) == (str(error), error.args)
        assert copied.response is None
        attributes = {name: value for name, value in vars(error).items() if name != "response"}
        assert vars(copied) == {**attributes, "response": None}
        assert copied.get_response().status_code == error.code


def test_error_raised_in_another_process_is_raised_here() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(RunNotFound, match="no run 5") as caught:
            pool.submit(fail).result(DEADLINE)
        assert pool.submit(int, "5").result(DEADLINE) == 5
    assert caught.value.run_id == 5


def test_error_raised_in_a_host_view_responds_with_its_status() -> None:
    app = Flask(__name__)

    @app.get("/<int:place>")
    def view(place: int) -> str:
        raise one(ERRORS[place])

    for place, cls in enumerate(ERRORS):
        response = app.test_client().get(f"/{place}")
        assert (cls, response.status_code) == (cls, cls.code)
        assert response.mimetype == "text/html"


def test_error_detail_is_escaped_in_html() -> None:
    app = Flask(__name__)

    @app.get("/")
    def view() -> str:
        raise UnknownJob("<script>alert(1)</script>", [])

    assert "<script>" not in app.test_client().get("/").text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("postgresql://app:s3cr@t@db/name", "'postgresql://***@db/name'"),
        (["slack://s3cr@channel"], "['slack://***@channel']"),
        ("a@b://c", "'a@b://c'"),
        ("a@b", "'a@b'"),
    ],
)
def test_quote_shows_no_login_of_a_url(value: object, text: str) -> None:
    """Such as that of a database in the setting beside the right one."""
    assert quote(value) == text
