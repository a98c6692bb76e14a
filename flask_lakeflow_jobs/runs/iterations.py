"""The iterations of a for-each task, each with its input. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..text import format_value, parse_if_json
from .outcome import NEVER_STARTED, SUCCESSES, Outcome, has_ended, outcome_of
from .redaction import SecretOverrides, redact

if TYPE_CHECKING:
    from ..sdk_types import RunTask

#: An attempt of an iteration as a document of the Jobs API.
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Iteration:
    """An attempt of one iteration of a for-each task.

    :param number: of the iteration, counted from 1, in the order of the inputs.
    :param run_id: of the attempt; its output has this id.
    :param attempt: counted from 1.
    :param input: the input as JSON, or the parameters that it resolved to.
    :param start_time: milliseconds since the epoch; ``None`` if it has not started.
    :param end_time: the same for the end.
    """

    number: int
    run_id: int
    attempt: int
    input: str
    outcome: Outcome
    start_time: int | None
    end_time: int | None

    @property
    def duration(self) -> int | None:
        """Milliseconds from start to end; ``None`` until it has ended."""
        if self.start_time is None or self.end_time is None:
            return None
        return max(0, self.end_time - self.start_time)

    def to_dict(self) -> dict[str, Any]:
        return {
            "iteration": self.number,
            "taskRunId": self.run_id,
            "attempt": self.attempt,
            "input": self.input,
            "outcome": self.outcome.value,
            "startTime": self.start_time,
            "endTime": self.end_time,
            "duration": self.duration,
        }


class IterationCounts(NamedTuple):
    """The numbers of iterations of a for-each task: those that are done or failed, and all."""

    done: int
    failed: int
    total: int


def count_iterations(task: RunTask) -> IterationCounts | None:
    """Return the counts of a for-each task; ``None`` for other tasks, and before its start."""
    loop = task.for_each_task
    stats = loop.stats.task_run_stats if loop and loop.stats else None
    if stats is None or not stats.total_iterations:
        return None
    # The Jobs API counts canceled iterations as completed, and as failed.
    done = stats.succeeded_iterations if has_ended(task) else stats.completed_iterations
    return IterationCounts(done or 0, stats.failed_iterations or 0, stats.total_iterations)


def select_failed(iterations: Iterable[Iteration]) -> list[Iteration]:
    """Return the last attempt of each iteration that failed after all its attempts."""
    last = {each.number: each for each in iterations}
    return [
        each
        for each in last.values()
        if each.end_time is not None and each.outcome not in SUCCESSES | NEVER_STARTED
    ]


def parse_iterations(run: Document, overrides: SecretOverrides) -> list[Iteration]:
    """Return the iterations of a for-each task, in the order of its inputs, later attempts last.

    The Jobs API does not number them. First attempts come in the order of the inputs. A later
    attempt belongs to the first one with the same parameters that has none of its number yet.

    :param run: of the for-each task, with the values of the iterations' parameters.
    :param overrides: of the job, see :func:`.redaction.redact`.
    """
    documents = [each for each in run.get("iterations") or () if each.get("run_id")]
    first = [each for each in documents if not each.get("attempt_number")]
    inputs = _read_inputs(run)
    if inputs is None or len(inputs) != len(first):
        inputs = [_format_values(each, overrides) for each in first]
    else:
        inputs = [_redact_input(each, overrides) for each in inputs]
    numbers: dict[str, list[int]] = {}
    for number, each in enumerate(first, 1):
        numbers.setdefault(_key_of(each), []).append(number)
    found: list[Iteration] = []
    taken: Counter[tuple[str, int]] = Counter()
    for each in documents:
        key = _key_of(each), each.get("attempt_number") or 0
        same, count = numbers.get(key[0], []), taken[key]
        taken[key] += 1
        if count < len(same):
            found.append(_build(same[count], each, inputs[same[count] - 1]))
        else:
            found.append(_build(len(first), each, _format_values(each, overrides)))
    return sorted(found, key=lambda each: (each.number, each.attempt))


def _redact_input(value: Any, overrides: SecretOverrides) -> str:
    return format_value(redact({"parameters": value}, overrides)["parameters"])


def _build(number: int, document: Document, text: str) -> Iteration:
    start = document.get("start_time") or None
    return Iteration(
        number=number,
        run_id=int(document["run_id"]),
        attempt=int(document.get("attempt_number") or 0) + 1,
        input=text,
        outcome=outcome_of(document),
        start_time=start,
        end_time=(document.get("end_time") or start) if has_ended(document) else None,
    )


def _read_inputs(run: Document) -> Sequence[Any] | None:
    """Return the inputs, if they are in the definition and not a reference to another task."""
    tasks = run.get("tasks") or ()
    loops = [each["for_each_task"] for each in tasks if each.get("for_each_task")]
    inputs = parse_if_json(loops[0].get("inputs") or "") if loops else None
    return inputs if isinstance(inputs, list) else None


def _key_of(document: Document) -> str:
    """Return a text that is the same for equal parameters. Thousands of iterations are compared."""
    return json.dumps(_values_of(document), sort_keys=True)


def _values_of(document: Document) -> Mapping[str, Any]:
    return document.get("resolved_values") or {}


def _format_values(document: Document, overrides: SecretOverrides) -> str:
    """Return the parameters of an iteration: a single value as it is, several as JSON."""
    bodies = [each for each in _values_of(document).values() if isinstance(each, dict)]
    fields = [field for each in bodies for field in each.values() if field]
    if not fields:
        return ""
    values = redact({"parameters": fields[0]}, overrides)["parameters"]
    items = list(values.values()) if isinstance(values, dict) else values
    if isinstance(items, list) and len(items) == 1 and isinstance(items[0], str):
        return items[0]
    return json.dumps(values, ensure_ascii=False)
