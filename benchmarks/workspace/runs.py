"""The runs of the workspace: what state each is in follows from the time alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

#: Runs in one page of runs/list, as the Jobs API has it.
PAGE = 25

#: Seconds that a canceled run takes to end.
TERMINATING = 0.2


@dataclass
class Run:
    """A run.

    :param job_id: of its job.
    :param start: seconds since the epoch.
    :param seconds: how long it takes.
    :param parameters: of its trigger.
    :param canceled: when, in seconds since the epoch.
    """

    run_id: int
    job_id: int
    start: float
    seconds: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    canceled: float | None = None

    @property
    def end(self) -> float:
        planned = self.start + self.seconds
        return planned if self.canceled is None else min(planned, self.canceled + TERMINATING)

    def is_active(self, now: float) -> bool:
        return now < self.end

    def cancel(self, now: float) -> None:
        """Cancel the run unless it has ended.

        :param now: seconds since the epoch.
        """
        if self.canceled is None and self.is_active(now):
            self.canceled = now

    def to_document(self, now: float, step: float | None) -> dict[str, Any]:
        """Return the run as the Jobs API has it.

        :param now: seconds since the epoch.
        :param step: seconds between two changes; ``None``: it only ends.
        """
        life_cycle, result = self._words(now)
        message = f"Step {int((now - self.start) / step)}" if step and not result else ""
        state = {"life_cycle_state": life_cycle, "state_message": message}
        status: dict[str, Any] = {"state": life_cycle}
        times = {"start_time": _ms(self.start), "setup_duration": 0, "cleanup_duration": 0}
        if result:
            state["result_state"] = result
            status["termination_details"] = {
                "code": "SUCCESS" if result == "SUCCESS" else "USER_CANCELED",
                "type": "SUCCESS" if result == "SUCCESS" else "CLIENT_ERROR",
            }
            took = _ms(self.end - self.start)
            times |= {"end_time": _ms(self.end), "run_duration": took, "execution_duration": took}
        task = {
            "run_id": self.run_id + 1,
            "task_key": "main",
            "attempt_number": 0,
            "notebook_task": {"notebook_path": "/Shared/etl", "source": "WORKSPACE"},
            "state": state,
            "status": status,
            **times,
        }
        return {
            "job_id": self.job_id,
            "run_id": self.run_id,
            "number_in_job": self.run_id,
            "original_attempt_run_id": self.run_id,
            "creator_user_name": "app@example.com",
            "run_name": "etl",
            "run_type": "JOB_RUN",
            "trigger": "ONE_TIME",
            "run_page_url": f"https://example.com/jobs/{self.job_id}/runs/{self.run_id}",
            "state": state,
            "status": status,
            "overriding_parameters": {
                name: value for name, value in self.parameters.items() if name.endswith("_params")
            },
            "tasks": [task],
            **times,
        }

    def _words(self, now: float) -> tuple[str, str | None]:
        if now >= self.end:
            was_cut = self.canceled is not None and self.end < self.start + self.seconds
            return "TERMINATED", "CANCELED" if was_cut else "SUCCESS"
        return ("RUNNING" if self.canceled is None else "TERMINATING"), None


@dataclass
class Job:
    """A job.

    :param shortest: seconds that a run of it takes at least.
    :param longest: seconds that it takes at most.
    :param step: seconds between two changes of a run; ``None``: it only ends.
    """

    job_id: int
    shortest: float = 0.0
    longest: float = 0.0
    step: float | None = None
    runs: list[Run] = field(default_factory=list)


class Runs:
    """All jobs and runs.

    :param random: draws how long runs take.
    """

    def __init__(self, random: random.Random) -> None:
        self._random = random
        self._ids = count(1000, 2)  # the odd ones are the tasks'
        self._by_token: dict[str, Run] = {}
        self._by_id: dict[int, Run] = {}
        self.jobs: dict[int, Job] = {}

    def add_job(self, job: Job, past: int, now: float) -> None:
        """Add a job, and ended runs of it.

        :param now: seconds since the epoch.
        """
        self.jobs[job.job_id] = job
        for number in range(past):
            run = self._new_run(job, now - 86_400 + number)
            run.start = now - 3600 - run.seconds

    def start(
        self, job_id: int, token: str | None, parameters: Mapping[str, Any], now: float
    ) -> Run:
        """Start a run, or find the one that the idempotency token has started.

        :param now: seconds since the epoch.
        """
        if token and token in self._by_token:
            return self._by_token[token]
        run = self._new_run(self.jobs[job_id], now, parameters)
        if token:
            self._by_token[token] = run
        return run

    def _new_run(self, job: Job, start: float, parameters: Mapping[str, Any] | None = None) -> Run:
        seconds = self._random.uniform(job.shortest, job.longest)
        run = Run(next(self._ids), job.job_id, start, seconds, parameters or {})
        job.runs.append(run)
        self._by_id[run.run_id] = run
        return run

    def find(self, run_id: int) -> Run | None:
        """A run."""
        return self._by_id.get(run_id)

    def to_document(self, run: Run, now: float) -> dict[str, Any]:
        """Return a run as the Jobs API has it.

        :param now: seconds since the epoch.
        """
        return run.to_document(now, self.jobs[run.job_id].step)

    def page(self, query: Mapping[str, str], now: float) -> dict[str, Any]:
        """Return a page of runs/list.

        :param now: seconds since the epoch.
        """
        limit = min(int(query.get("limit", PAGE)), PAGE)
        offset = int(query.get("page_token", 0))
        wanted = []
        for run in reversed(self.jobs[int(query["job_id"])].runs):
            active = run.is_active(now)
            if active and query.get("completed_only") == "true":
                continue
            if not active and query.get("active_only") == "true":
                continue
            wanted.append(run)
            if len(wanted) > offset + limit:
                break
        page = [self.to_document(run, now) for run in wanted[offset : offset + limit]]
        if query.get("expand_tasks") != "true":
            for document in page:
                del document["tasks"]
        has_more = len(wanted) > offset + limit
        answer: dict[str, Any] = {"has_more": has_more}
        if page:
            answer["runs"] = page
        if has_more:
            answer["next_page_token"] = str(offset + limit)
        return answer


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
