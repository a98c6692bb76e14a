"""The people who started, canceled and repaired a run, as the app knows them.

The workspace knows only the identity of the app. So the app keeps the names of the people: in the
record if it has one, and otherwise in the shared cache for a week. Without a cache that other
processes see, each process keeps those of the runs that it has changed itself.

The names are those that the policy decides by. A caller cannot choose them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..cache import hash_json
from ..errors import DatabaseUnavailable, RecordOutdated
from ..memo import Memo

if TYPE_CHECKING:
    from ..cache import SharedCache
    from ..clock import Clock
    from .recording import Actor
    from .store import Record

ActionName = Literal["trigger", "cancel", "repair"]

#: How long the shared cache keeps the names, after the last action on the run.
TTL_SECONDS = 7 * 24 * 3600.0

#: Actions that are kept of one run: the first one and the newest others.
MAX_ACTIONS = 20

#: Runs that a process remembers if no other process sees its cache.
MAX_REMEMBERED_RUNS = 2_000


@dataclass(frozen=True)
class RunAction:
    """An action on a run, which the workspace has accepted.

    :param at: milliseconds since the epoch.
    :param by: the name of the requester.
    :param source: where the action came from: ``http``, ``console``, ``python`` or ``cli``.
    """

    action: str
    at: int
    by: str
    source: str

    @property
    def name(self) -> str:
        """The requester as pages show it. A user of the system is not a user of the app."""
        return f"{self.by} (command line)" if self.source == "cli" else self.by

    @classmethod
    def parse(cls, stored: Any) -> RunAction | None:
        """Read an entry of the shared cache; ``None`` if it has another shape."""
        match stored:
            case {"action": str(action), "at": int(at), "by": str(by), "source": str(source)}:
                return cls(action, at, by, source)
        return None


@dataclass(frozen=True)
class RunActions:
    """The known actions on one run, oldest first."""

    actions: tuple[RunAction, ...] = ()

    @cached_property
    def trigger(self) -> RunAction | None:
        return next((each for each in self.actions if each.action == "trigger"), None)

    @cached_property
    def repairs(self) -> list[RunAction]:
        return [each for each in self.actions if each.action == "repair"]

    @cached_property
    def cancel(self) -> RunAction | None:
        """The first request for the cancellation since the last repair."""
        found = None
        for each in reversed(self.actions):
            if each.action == "repair":
                break
            if each.action == "cancel":
                found = each
        return found

    @property
    def started_by(self) -> str | None:
        """The name of the person who started the run, as pages show it."""
        return self.trigger.name if self.trigger is not None else None


NO_ACTIONS = RunActions()


class Requesters:
    """The names of the people who acted on the runs of one app."""

    def __init__(self, cache: SharedCache, record: Record | None, clock: Clock) -> None:
        self._cache = cache
        self._record = record
        self._clock = clock
        self._remembered: Memo[str, list[Any]] = Memo(MAX_REMEMBERED_RUNS)

    def write(self, actor: Actor, run_id: int, action: ActionName) -> None:
        """Keep who did an accepted action, if that is known. The record has it already.

        If two processes write about one run at the same moment, one action may be lost.
        """
        by = actor.name
        if self._record is not None or by is None:
            return
        key = _key(actor.job.job_id, run_id)
        at = round(self._clock.now() * 1000)
        entry = asdict(RunAction(action, at, by, actor.origin.source))
        [stored] = [[]] if action == "trigger" else self._load([key])
        entries = [*(stored if isinstance(stored, list) else []), entry]
        if len(entries) > MAX_ACTIONS:
            entries = [entries[0], *entries[1 - MAX_ACTIONS :]]
        if self._cache.is_cross_process:
            self._cache.set(key, entries, TTL_SECONDS)
        else:
            self._remembered.put(key, entries)

    def read(self, job_id: int, run_ids: Iterable[int]) -> dict[int, RunActions]:
        """Return the actions on runs that the caller may view, in one round trip.

        :param job_id: the id in the workspace.
        :return: by run id, also of runs without a known action.
        """
        wanted = list(run_ids)
        if not wanted:
            return {}
        if self._record is not None:
            return self._read_record(self._record, job_id, wanted)
        stored = self._load([_key(job_id, run_id) for run_id in wanted])
        return {run_id: _parse(entry) for run_id, entry in zip(wanted, stored, strict=True)}

    def read_one(self, job_id: int, run_id: int) -> RunActions:
        """Return the actions on one run that the caller may view."""
        return self.read(job_id, [run_id])[run_id]

    def _load(self, keys: Sequence[str]) -> list[Any]:
        if self._cache.is_cross_process:
            return self._cache.get_many(keys)
        return [self._remembered.get(key) for key in keys]

    @staticmethod
    def _read_record(record: Record, job_id: int, run_ids: Sequence[int]) -> dict[int, RunActions]:
        found: dict[int, list[RunAction]] = {run_id: [] for run_id in run_ids}
        try:
            for row in record.list_run_actions(job_id, run_ids):
                if row.run_id in found and row.requested_by:
                    found[row.run_id].append(
                        RunAction(row.action, row.at, row.requested_by, row.source)
                    )
        except (DatabaseUnavailable, RecordOutdated):  # the runs are useful without
            return dict.fromkeys(run_ids, NO_ACTIONS)
        return {run_id: RunActions(tuple(actions)) for run_id, actions in found.items()}


def _parse(stored: Any) -> RunActions:
    parsed = map(RunAction.parse, stored) if isinstance(stored, list) else ()
    return RunActions(tuple(action for action in parsed if action is not None))


def _key(job_id: int, run_id: int) -> str:
    return f"requesters:{hash_json([job_id, run_id])}"
