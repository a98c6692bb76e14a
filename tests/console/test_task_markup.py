"""The tasks of a run, kept from one update to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunTask
from flask import Flask

from flask_lakeflow_jobs import LakeflowJobs, current_jobs
from flask_lakeflow_jobs.console import page_data, task_markup, tasks
from flask_lakeflow_jobs.console.graph import build_graph
from flask_lakeflow_jobs.console.page_data import console_state
from flask_lakeflow_jobs.console.task_markup import TaskMarkup
from flask_lakeflow_jobs.console.tasks import group_rows
from flask_lakeflow_jobs.console.timeline import build_timeline
from tests.run_documents import FAILED, RUN_ID, SUCCEEDED, Document, run, run_state, task

RUNNING, BLOCKED = run_state("RUNNING"), run_state("BLOCKED")

#: Milliseconds since the epoch.
START = 1_764_000_000_000


@pytest.fixture(autouse=True)
def _request(tmp_path: Any) -> Iterator[None]:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(DATABRICKS_HOST="http://localhost:9", LAKEFLOW_JOBS_CONSOLE=True)
    LakeflowJobs(app, jobs={"etl": {"job_id": 7}})
    with app.test_request_context():
        yield


class Page:
    """A page of a run with these tasks. It counts what had to be made for it."""

    def __init__(
        self,
        documents: list[Document],
        monkeypatch: pytest.MonkeyPatch,
        now: int,
        *,
        is_live: bool = False,
    ) -> None:
        self.parsed: list[str] = []
        self.built: list[str] = []
        build = tasks.build_attempt

        def count_build(each: RunTask, *args: Any, **kwargs: Any) -> Any:
            self.built.append(each.task_key)
            return build(each, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(task_markup, "build_attempt", count_build)
            memo = console_state().tasks
            self.markup = TaskMarkup(
                "etl", RUN_ID, documents, self._parse, memo, script_updates_durations=is_live
            )
            shown = run(start_time=START)
            shown.tasks = self.markup.tasks
            timeline = build_timeline(shown, now, build=self.markup.build_attempt)
            graph = build_graph(self.markup.structure, timeline.rows)
            rows = self.markup.render_rows(group_rows(timeline.rows))
            parts = [*(part for some in rows.values() for part in some)]
            self.parts = {part.name: part.html for part in parts + self.markup.render_nodes(graph)}
            self.html = "".join(self.parts.values())
            self.markup.keep()

    def _parse(self, document: Any) -> RunTask:
        self.parsed.append(document["task_key"])
        return RunTask.from_dict(document)


def states(*pairs: tuple[str, Document]) -> list[Document]:
    return [
        task(key, state, run_id=at, start_time=0 if state == BLOCKED else START, end_time=START + 5)
        for at, (key, state) in enumerate(pairs, 1)
    ]


def test_update_makes_only_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = states(("a", SUCCEEDED), ("b", RUNNING), ("c", BLOCKED))
    first = Page(before, monkeypatch, START + 1000)
    assert first.parsed == ["a", "b", "c"]
    again = Page(before, monkeypatch, START + 2000)
    assert (again.parsed, again.built) == ([], ["b"])  # its duration grows
    after = states(("a", SUCCEEDED), ("b", SUCCEEDED), ("c", BLOCKED))
    update = Page(after, monkeypatch, START + 3000)
    assert (update.parsed, update.built) == (["b"], ["b"])


def test_update_shows_what_a_new_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    Page(states(("a", SUCCEEDED), ("b", RUNNING), ("c", BLOCKED)), monkeypatch, START + 1000)
    after = states(("a", SUCCEEDED), ("b", SUCCEEDED), ("c", RUNNING), ("d", BLOCKED))
    update = Page(after, monkeypatch, START + 60_000)  # on a longer axis
    monkeypatch.setattr(console_state().tasks, "get", lambda url: None)
    assert update.html == Page(after, monkeypatch, START + 60_000).html


def test_live_update_is_the_same_at_any_time_in_any_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page's script fills in durations that grow."""
    documents = states(("a", RUNNING), ("b", RUNNING), ("c", BLOCKED))
    page = Page(documents, monkeypatch, START + 1000)
    first = Page(documents, monkeypatch, START + 1000, is_live=True)
    later = Page(documents, monkeypatch, START + 3000, is_live=True)
    assert (later.built, later.html) == ([], first.html)
    monkeypatch.setattr(console_state().tasks, "get", lambda url: None)
    assert Page(documents, monkeypatch, START + 5000, is_live=True).html == first.html
    assert first.html.count("data-ticks") == page.html.count("data-ticks") == 4  # rows and graph
    assert "1 s" in page.html
    assert "1 s" not in first.html


def test_tasks_of_another_run_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    Page(states(("a", SUCCEEDED)), monkeypatch, START)
    parsed: list[str] = []

    def parse(document: Any) -> RunTask:
        parsed.append(document["task_key"])
        return RunTask.from_dict(document)

    TaskMarkup("etl", RUN_ID + 1, states(("a", SUCCEEDED)), parse, console_state().tasks)
    assert parsed == ["a"]


def test_tasks_are_kept_only_when_their_page_is_made() -> None:
    """Until then, another thread would copy tasks of which one half is old."""
    parsed: list[str] = []

    def parse(document: Any) -> RunTask:
        parsed.append(document["task_key"])
        return RunTask.from_dict(document)

    def read() -> TaskMarkup:
        memo = console_state().tasks
        return TaskMarkup("etl", RUN_ID, states(("a", SUCCEEDED)), parse, memo)

    read()
    read().keep()
    assert parsed == ["a", "a"]
    read()
    assert parsed == ["a", "a"]


def test_attempt_without_run_id_has_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    html = Page([{"task_key": "a", **BLOCKED}], monkeypatch, START).html
    assert "href" in html  # from the graph to the row
    assert "Output and log" not in html


def test_structure_is_that_of_the_last_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    depends_on = [{"task_key": "a", "outcome": "true"}, {"task_key": "b"}]
    documents = [
        task("a", SUCCEEDED, run_id=1, depends_on=None),
        task("b", SUCCEEDED, run_id=2, depends_on=[{"task_key": "a"}]),
        task("c", FAILED, run_id=3, depends_on=depends_on),
        task("c", RUNNING, run_id=4, depends_on=depends_on) | {"attempt_number": 1},
    ]
    page = Page(documents, monkeypatch, START)
    assert page.markup.structure == (("a", ()), ("b", ("a",)), ("c", ("a", "b")))


def test_parsed_task_keeps_its_dependencies_and_no_secrets() -> None:
    """The end of a run is predicted from them."""
    document = task(
        "b",
        BLOCKED,
        depends_on=[{"task_key": "a"}],
        notebook_task={"notebook_path": "/b", "base_parameters": {"api_token": "hunter2"}},
    )
    parsed = page_data.parse_task(current_jobs["etl"], document)
    assert [each.task_key for each in parsed.depends_on or ()] == ["a"]
    assert "hunter2" not in str(parsed)
