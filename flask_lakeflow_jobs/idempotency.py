"""Starting runs: one for each intent, however often it is asked for."""
# MERGED """What can be told about a run from what the workspace says of it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from .errors import Conflict, InvalidRequest, LakeflowJobsError

if TYPE_CHECKING:
    from .config.jobs import Job
    from .identity import Identity
    from .sdk_types import Run
    from .state import AppState
    from .upstream.gateway import BoundUpstream

#: Seconds that the answer to an idempotency key is remembered here; the workspace remembers longer.
KEY_SECONDS = 24 * 3600.0

#: Seconds that the clocks of the workspace's machines may differ by, and this one's from them.
CLOCK_SKEW_SECONDS = 5.0


@dataclass(frozen=True)
class Triggered:
    """The answer to a trigger, in the shape of the SDK's ``RunNowResponse``.

    :param run_id: the run.
    :param number_in_job: the same number; Databricks keeps it for old clients.
    :param replayed: an earlier trigger with the same idempotency key started this run.
    """

    run_id: int
    number_in_job: int | None = None
    replayed: bool = False


class RunStarter:
    """Starts the runs of one job as one identity.

    :param job: the job.
    :param identity: the app or a user.
    """

    def __init__(self, state: AppState, job: Job, identity: Identity) -> None:
        self._state = state
        self._job = job
        self._identity = identity

    def start(
        self, fields: Mapping[str, Any], choices: Mapping[str, Any], token: str | None = None
    ) -> Triggered:
        """Start a run.

        :param fields: run-now's own, with the parameters in them.
        :param choices: how it is run, as the upstream room takes it.
        :param token: the idempotency token; without one, a fresh one is made.
        """
        response = self._upstream().run_now(fields, token=token, **choices)
        return Triggered(int(response.run_id or 0), response.number_in_job)

    def start_idempotent(
        self, named: Sequence[str], fields: Mapping[str, Any], choices: Mapping[str, Any]
    ) -> Triggered:
        """Start a run for an intent, or find the one that was started for it.

        The workspace sees to it that there is one; what is remembered here tells whether it is
        new, and whether the same was meant.

        :param named: what names the intent: the caller's key, and who the caller is.
        :param fields: as for :meth:`start`.
        :param choices: as for :meth:`start`.
        :raises Conflict: something else was meant by the same name.
        :raises InvalidRequest: the caller's key is empty, and so names nothing.
        """
        if not all(named):
            raise InvalidRequest("An idempotency key must not be empty. Leave it out, or make one.")
        shared = self._state.cache
        token = digest([*map(str, named), self._job.key, self._job.job_id, self._identity.key])
        name, meant = f"intent:{token}", digest([fields, choices])
        known = shared.get(name)
        if known is None:
            asked_at = self._state.clock.monotonic()
            triggered = self.start(fields, choices, token)
            if not shared.is_cross_process or shared.is_failing:
                triggered = self._compared(triggered, fields, asked_at)
            mine = {"run_id": triggered.run_id, "intent": meant}
            if shared.add(name, mine, KEY_SECONDS):
                return triggered
            known = shared.get(name)
            if known is None:
                return triggered
        if known["intent"] != meant:
            raise _another_intent()
        return Triggered(known["run_id"], known["run_id"], replayed=True)

    def _upstream(self) -> BoundUpstream:
        return self._state.upstream.bind(self._identity, self._job)

    def _compared(
        self, triggered: Triggered, fields: Mapping[str, Any], asked_at: float
    ) -> Triggered:
        """Find out from the run itself whether another process has started it, and as what."""
        try:
            run, theirs = self._upstream().get_run_and_server_time(triggered.run_id)
        except LakeflowJobsError:  # the run is there, and what matters is to say so
            return triggered
        is_here = self._state.settings.bundle is not None
        now = self._state.clock.now() if is_here or theirs is None else theirs
        asked_ago = self._state.clock.monotonic() - asked_at
        tolerance = 0.001 if is_here else CLOCK_SKEW_SECONDS
        was_there = (run.value.start_time or 0) / 1000 < now - asked_ago - tolerance
        if has_same_parameters(run.value, fields) is False:
            raise _another_intent()
        return replace(triggered, replayed=was_there)


def _another_intent() -> Conflict:
    return Conflict(
        "This idempotency key was used before, with other parameters. Use a fresh key for what is"
        " a new run."
    )


def digest(parts: Any) -> str:
    """A name for something, the same in every process: 64 hexadecimal digits.

    :param parts: what is named, as JSON.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else list(value)


#: Begins a reference such as ``{{job.start_time.iso_date}}``. A run says what became of it.
#: Source: Databricks documentation, "What is a dynamic value reference?".
REFERENCE = "{{"


def has_same_parameters(run: Run, fields: Mapping[str, Any]) -> bool | None:
    """Whether these are the parameters that a run was started with.

    :param run: the run.
    :param fields: the parameters, in the fields of run-now.
    :return: ``None``: nothing speaks against it, and the run does not repeat all of them.
    """
    given, said = _by_name(fields), _said_by(run)
    defaults: dict[tuple[str, ...], Any] = {
        ("job_parameters", str(parameter.name)): parameter.default
        for parameter in run.job_parameters or []
    }
    resolved = {name for name, value in {**defaults, **given}.items() if REFERENCE in str(value)}
    as_ever = {name for name, value in {**said, **given}.items() if value == defaults.get(name)}
    for name in set(said) - resolved:
        if said[name] != given.get(name) and not (name in as_ever and name not in given):
            return False
    return None if set(given) - set(said) - as_ever else True


def _said_by(run: Run) -> dict[tuple[str, ...], Any]:
    fields = run.overriding_parameters.as_dict() if run.overriding_parameters else {}
    fields["job_parameters"] = {
        parameter.name: parameter.value
        for parameter in run.job_parameters or []
        if parameter.value is not None
    }
    return _by_name(fields)


def _by_name(fields: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """The parameters one by one, each under its field and, where it has one, its name."""
    named: dict[tuple[str, ...], Any] = {}
    for field, value in fields.items():
        if isinstance(value, Mapping):
            named |= {(field, name): item for name, item in value.items()}
        elif value:
            named[(field,)] = value
    return named
