"""Runs in lists and at a glance. Pure: from the SDK's dataclasses and the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..runs.durations import age_of, duration_of
from ..runs.outcome import Outcome, has_ended, outcome_of, parse_state
from ..runs.repair import RUN_PARAMETERS
from ..watching.history import durations_of
from ..watching.schedule import remaining
from . import filters

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run


@dataclass(frozen=True)
class State:
    """A state as it is shown: a word, and the kind that gives it colour and mark."""

    outcome: Outcome

    @property
    def kind(self) -> str:
        return filters.KINDS[self.outcome]

    @property
    def never_ran(self) -> bool:
        """Whether what is in this state takes no time: it was passed over."""
        return self.kind == "never"

    @property
    def word(self) -> str:
        return self.outcome.label


@dataclass(frozen=True)
class Summary:
    """A run in a list.

    :param run_id: its id.
    :param state: its outcome.
    :param started: milliseconds since the epoch, or ``None``.
    :param ended: the same.
    :param length: milliseconds that it took, or has taken so far.
    :param who: who asked for it, as far as that is known.
    :param trigger: how it was started, in a word of the Jobs API.
    :param message: what the workspace says.
    """

    run_id: int
    state: State
    started: int | None
    ended: int | None
    length: float | None
    who: str | None
    trigger: str | None
    message: str

    @property
    def is_going(self) -> bool:
        return self.ended is None


def summary(run: Run | BaseRun, now: float, who_parameter: str | None = None) -> Summary:
    """A run in a list.

    :param run: it.
    :param now: milliseconds since the epoch.
    :param who_parameter: the job parameter that tells who asked, if there is one.
    """
    ended = (run.end_time or run.start_time or 0) if has_ended(run) else None
    return Summary(
        run_id=run.run_id or 0,
        state=State(outcome_of(run)),
        started=run.start_time or None,
        ended=ended,
        length=_length(run, now),
        who=asked_by(run, who_parameter),
        trigger=run.trigger.value.replace("_", " ").lower() if run.trigger else None,
        message=parse_state(run).message,
    )


def _length(run: Run | BaseRun, now: float) -> float | None:
    """Milliseconds that a run has taken so far, or took."""
    if not run.start_time:
        return None
    seconds = (duration_of(run) or 0.0) if has_ended(run) else age_of(run, now / 1000)
    return seconds * 1000


def asked_by(run: Run | BaseRun, parameter: str | None) -> str | None:
    """Who asked for a run: whom the app noted, else as whom the workspace knows it.

    :param run: it.
    :param parameter: the job parameter in which the app notes it, if it does.
    """
    if parameter:
        noted = parameters_of(run).get(parameter)
        if noted:
            return noted
    return run.creator_user_name


def job_parameters_of(run: Run | BaseRun) -> dict[str, str]:
    """The parameters that a run has of its job, by name.

    :param run: it.
    """
    return {
        item.name: item.value if item.value is not None else item.default or ""
        for item in run.job_parameters or []
        if item.name
    }


def parameters_of(run: Run | BaseRun) -> dict[str, str]:
    """All parameters of a run by name, those of a list by their field.

    :param run: it.
    """
    found: dict[str, Any] = {**job_parameters_of(run)}
    fields = run.overriding_parameters.as_dict() if run.overriding_parameters else {}
    for name in RUN_PARAMETERS:
        value = fields.get(name)
        if isinstance(value, Mapping):
            found.update(value)
        elif value:
            found[name] = " ".join(map(str, value)) if isinstance(value, list) else value
    return {name: "" if value is None else str(value) for name, value in found.items()}


@dataclass(frozen=True)
class Bar:
    """A place in the strip of a job's last runs, in per cent of its width and height.

    :param run: the run that stands there; none yet at the left of a young job's.
    """

    run: Summary | None
    left: float
    width: float
    height: float


#: The share of a place in the strip that is free, and the height of the shortest bar.
GAP, LEAST_HEIGHT = 0.3, 14


def strip(runs: Sequence[Summary], places: int) -> list[Bar]:
    """The bars of a job's last runs, the newest to the right; their heights are their lengths.

    :param runs: newest first.
    :param places: how many there is room for.
    """
    longest = max((run.length or 0 for run in runs), default=0) or 1
    shown = [*reversed(runs[:places])]
    share = 100 / (places - GAP)
    return [
        Bar(
            run,
            left=round(at * share, 2),
            width=round(share * (1 - GAP), 2),
            height=LEAST_HEIGHT + (100 - LEAST_HEIGHT) * (run.length or 0) // longest if run else 0,
        )
        for at, run in enumerate([*[None] * (places - len(shown)), *shown])
    ]


def expected_end(run: Run | BaseRun, past: Iterable[BaseRun], now: float) -> int | None:
    """When a run that goes on will end, by how long the job's last successes took.

    :param run: it.
    :param past: other runs of its job.
    :param now: milliseconds since the epoch.
    """
    if has_ended(run) or not run.start_time or outcome_of(run) is Outcome.QUEUED:
        return None
    left = remaining(age_of(run, now / 1000), sorted(durations_of(past)))
    return None if left is None else int(now + left * 1000)
