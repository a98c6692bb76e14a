"""A shared cache in which something else writes: no request fails, and no viewer is misled."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from flask import Flask
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import current_jobs
from tests.conftest import MakeApp, Serve
from tests.sse_client import Stream
from tests.support import RunGate


class SharedMemory(SimpleCache):
    """A cache of all apps, which counts as one that other processes see."""

    entries: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._cache = self.entries

    @classmethod
    def damage(cls, change: Callable[[Any], Any]) -> int:
        """Change each value that an app has stored; return how many there are."""
        parsed = {key: (expiry, json.loads(text)) for key, (expiry, text) in cls.entries.items()}
        for key, (expiry, entry) in parsed.items():
            damaged = {**entry, "value": change(entry["value"])}
            cls.entries[key] = expiry, json.dumps(damaged, separators=(",", ":")).encode()
        return len(parsed)


def replace_leaves(value: Any, leaf: Any) -> Any:
    """Return a value of the same shape, all of whose leaves are replaced."""
    if isinstance(value, dict):
        return {name: replace_leaves(each, leaf) for name, each in value.items()}
    if isinstance(value, list):
        return [replace_leaves(each, leaf) for each in value]
    if isinstance(value, float):  # a time: as it was, so that the rest of the entry counts
        return value
    return leaf


DAMAGES: dict[str, Callable[[Any], Any]] = {
    "numbers": lambda value: replace_leaves(value, 10**400),
    "lists": lambda value: replace_leaves(value, [None]),
    "responses": lambda value: {**value, "value": [5]} if "lifetime" in str(value) else value,
    "moments": lambda value: (
        {**value, "at": 10**400, "published_at": 10**400} if isinstance(value, dict) else value
    ),
    "states": lambda value: (
        {**value, "data": "{}\n\nevent: end\ndata: {}"} if "data" in str(value) else value
    ),
}

PATHS = (
    "/api/jobs/gated/runs/{run}",
    "/api/jobs/gated/runs/{run}/output",
    "/api/jobs/gated/runs",
    "/api/jobs/gated/status",
    "/api/jobs/runs",
    "/jobs/",
    "/jobs/gated",
    "/jobs/gated/runs/{run}",
    "/jobs/gated/runs/{run}/live",
)


@pytest.fixture(autouse=True)
def _no_entries() -> None:
    SharedMemory.entries.clear()


@pytest.fixture
def make_sharing_app(make_app: MakeApp) -> Callable[[], Flask]:
    """A function that creates an app, as another process has it."""
    cache = {"CACHE_TYPE": f"{__name__}.{SharedMemory.__name__}"}
    return lambda: make_app(LAKEFLOW_JOBS_CONSOLE=True, LAKEFLOW_JOBS_CACHE=cache)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_responses_are_read_again(
    make_sharing_app: Callable[[], Flask], run_gate: RunGate, damage: str
) -> None:
    app = make_sharing_app()
    client = app.test_client()
    with app.app_context():
        run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    for path in (each.format(run=run_id) for each in PATHS):
        assert client.get(path).status_code == 200
        assert SharedMemory.damage(DAMAGES[damage])
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("damage", DAMAGES)
def test_viewers_get_the_end_in_spite_of_damaged_states(
    make_sharing_app: Callable[[], Flask], serve: Serve, run_gate: RunGate, damage: str
) -> None:
    urls = [serve(make_sharing_app()) for _ in range(2)]
    app = make_sharing_app()
    with app.app_context():
        run_id = current_jobs["gated"].run_now(run_gate.params).run_id
    with ExitStack() as stack:
        viewers = []
        for url in urls:
            path = f"{url}/api/jobs/gated/runs/{run_id}/stream"
            viewers.append(stack.enter_context(Stream.open(path)))
            assert next(viewers[-1]).json["run"]["run_id"] == run_id
            assert SharedMemory.damage(DAMAGES[damage])
        run_gate.open()
        for viewer in viewers:
            *_, last, end = viewer
            assert (last.json["outcome"], end.name) == ("succeeded", "end")
