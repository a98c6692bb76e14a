"""An engine without a workspace, with a clock that a test controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local import ManualClock
from flask_lakeflow_jobs.local.engine.engine import Engine
from flask_lakeflow_jobs.local.events import RunRequest
from flask_lakeflow_jobs.local.store.runs import RunStore
from flask_lakeflow_jobs.local.store.sqlite import Store
from flask_lakeflow_jobs.local.tasks.work import CannotRun, NestedRun
from tests.local.support import simulated_job, simulated_task
from tests.local.tasks.support import task_services


class Workshop:
    """An engine over a store, with a clock that stands still, and without files and bundles."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.store = Store(folder / "runs.sqlite")
        self.runs = RunStore(self.store)
        nothing: Any = None
        self.engine = Engine(
            self.runs,
            nothing,
            clock,
            folder,
            task_services(folder),
            {"id": 1},
            self._build_nested_request,
        )

    def start(self, *tasks: dict[str, Any], job_id: int = 1, **fields: Any) -> int:
        request = RunRequest(
            job_id=job_id,
            name="etl",
            creator="me",
            settings=simulated_job(*tasks or [simulated_task("a")], **fields.pop("simulation", {})),
            **fields,
        )
        return self.engine.start_run(request).run_id

    def state(self, run_id: int) -> str:
        state = self.runs.find_run(run_id).state
        return state.result or state.life_cycle

    def _build_nested_request(self, work: NestedRun) -> RunRequest:
        raise CannotRun(f"There is no job {work.job_id}.")


@pytest.fixture
def open_workshop(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[[], Workshop]]:
    opened: list[Workshop] = []

    def start() -> Workshop:
        opened.append(Workshop(tmp_path, clock))
        return opened[-1]

    yield start
    for each in opened:
        each.engine.close()


@pytest.fixture
def workshop(open_workshop: Callable[[], Workshop]) -> Workshop:
    return open_workshop()
