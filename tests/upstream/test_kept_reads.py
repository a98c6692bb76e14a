"""Which reads of a job share a response, and for how long. No workspace is asked."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.upstream.cached_reads import CachedReads
from flask_lakeflow_jobs.upstream.gateway import Upstream
from flask_lakeflow_jobs.upstream.read_cache import ACTIVE_TTL_SECONDS
from tests.run_documents import JOB_ID, build_job
from tests.upstream.reads import FINAL_TTL, Reads

ACTIVE = {"run_id": 1, "state": {"life_cycle_state": "RUNNING"}}
ENDED = {"run_id": 1, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}}

Read = Callable[[CachedReads], Any]


class Workspace:
    """The calls of a job whose run is in one state, and the reads of several callers."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.run = run
        self.requests: list[tuple[Any, ...]] = []
        self.ends: list[dict[str, Any]] = []
        reads = Reads()
        self.clock = reads.clock
        self._upstream = SimpleNamespace(cache=reads.cache, bind=self._bind)

    def reads(self, identity: Identity = APP, job_id: int = JOB_ID) -> CachedReads:
        upstream = cast("Upstream", self._upstream)
        return CachedReads(upstream, identity, build_job(job_id=job_id), on_end=self.ends.append)

    def _bind(self, identity: Identity, job: Any) -> Any:
        def respond(name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                self.requests.append((identity, job.job_id, name, arguments, options))
                response = SimpleNamespace(document=self.run)
                return [response] if name == "list_runs" else response

            return call

        return SimpleNamespace(
            **{name: respond(name) for name in ("get_job", "get_run", "list_runs")}
        )


READS: list[Read] = [
    lambda reads: reads.get_job(),
    lambda reads: reads.get_run(1),
    lambda reads: reads.get_run(2),
    lambda reads: reads.get_repairs(1, state="a"),
    lambda reads: reads.get_repairs(1, state="b"),
    lambda reads: reads.get_repairs(2, state="a"),
    lambda reads: reads.list_runs(20),
    lambda reads: reads.list_runs(5),
    lambda reads: reads.list_runs(20, active_only=True),
    lambda reads: reads.list_runs(20, completed_only=True),
]


def test_only_equal_reads_of_one_identity_and_job_share_a_response() -> None:
    workspace = Workspace(ENDED)
    callers = [
        workspace.reads(),
        workspace.reads(Identity("token-of-alice")),
        workspace.reads(Identity("token-of-bob")),
        workspace.reads(job_id=JOB_ID + 1),
    ]
    for _ in range(2):
        for caller in callers:
            for read in READS:
                read(caller)
    assert len(workspace.requests) == len(callers) * len(READS)
    assert [identity for identity, *_ in workspace.requests[:: len(READS)]] == [
        APP,
        Identity("token-of-alice"),
        Identity("token-of-bob"),
        APP,
    ]


@pytest.mark.parametrize(
    ("read", "run", "fresh_for"),
    [
        (READS[0], ACTIVE, FINAL_TTL),
        (READS[1], ACTIVE, ACTIVE_TTL_SECONDS),
        (READS[1], ENDED, FINAL_TTL),
        (READS[3], ACTIVE, ACTIVE_TTL_SECONDS),
        (READS[3], ENDED, FINAL_TTL),
        (READS[6], ENDED, ACTIVE_TTL_SECONDS),
        (lambda reads: reads.list_runs(20, idle_ttl=30.0), ENDED, 30.0),
        (lambda reads: reads.list_runs(20, idle_ttl=30.0), ACTIVE, ACTIVE_TTL_SECONDS),
    ],
    ids=["job", "active", "ended", "repairs", "ended repairs", "list", "idle list", "busy list"],
)
def test_response_is_shared_as_long_as_its_run_stays_the_same(
    read: Read, run: dict[str, Any], fresh_for: float
) -> None:
    workspace = Workspace(run)
    read(workspace.reads())
    workspace.clock.sleep(fresh_for - 0.125)
    read(workspace.reads())
    assert len(workspace.requests) == 1
    workspace.clock.sleep(0.125)
    read(workspace.reads())
    assert len(workspace.requests) == 2


@pytest.mark.parametrize(("run", "ends"), [(ACTIVE, []), (ENDED, [ENDED])])
def test_end_is_reported_once_it_is_read(run: dict[str, Any], ends: list[Any]) -> None:
    workspace = Workspace(run)
    for _ in range(2):
        workspace.reads().get_run(1)
    assert workspace.ends == ends


def test_repairs_are_asked_for() -> None:
    workspace = Workspace({**ENDED, "repair_history": [{"id": 5}]})
    assert workspace.reads().get_repairs(1, state="a").value["items"] == [{"id": 5}]
    assert workspace.requests == [(APP, JOB_ID, "get_run", (1,), {"history": True})]
