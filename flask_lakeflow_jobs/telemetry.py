"""Spans and metrics through OpenTelemetry, if the app has it; otherwise nothing, at no cost.

Attributes contain keys of jobs, operations and outcomes; never a token or a parameter's value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakSet

from .errors import LakeflowJobsError

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Meter
    from opentelemetry.metrics import Observation as Measured

T = TypeVar("T")

INSTRUMENTATION_NAME = "flask_lakeflow_jobs"

JOB_ATTRIBUTE = "lakeflow.job.key"
OPERATION_ATTRIBUTE = "lakeflow.operation"
OUTCOME_ATTRIBUTE = "lakeflow.outcome"
#: The job of a stream of runs of several jobs; no key of a job has this form.
SEVERAL_JOBS = "(several)"

REPLAYED_ATTRIBUTE = "lakeflow.replayed"

#: Upper bounds of histogram buckets, for calls and for streams.
CALL_BOUNDS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
STREAM_BOUNDS_SECONDS = (1, 5, 15, 30, 60, 120, 180, 240, 300)

#: What is counted of each kind of operation.
COUNTED = {"upstream": "attempts", "trigger": None, "stream": "events"}


@cache
def _get_meter() -> Meter | None:
    """Return the meter of the extension, or ``None`` without OpenTelemetry."""
    try:
        from opentelemetry import metrics  # an extra
    except ImportError:
        return None
    return metrics.get_meter(INSTRUMENTATION_NAME)


class Instruments:
    """The instruments of one kind of operation.

    :param kind: one of :data:`COUNTED`.
    """

    def __init__(self, kind: str, meter: Meter) -> None:
        from opentelemetry import trace  # an extra

        self.counted = COUNTED[kind]
        self.tracer = trace.get_tracer(INSTRUMENTATION_NAME)
        self.span_kind = trace.SpanKind.CLIENT if kind == "upstream" else trace.SpanKind.INTERNAL
        bounds = STREAM_BOUNDS_SECONDS if kind == "stream" else CALL_BOUNDS_SECONDS
        duration = f"lakeflow.{kind}.duration"
        try:
            self.duration = meter.create_histogram(
                duration, unit="s", explicit_bucket_boundaries_advisory=bounds
            )
        except TypeError:  # APIs before 1.30 have no advisory parameters
            self.duration = meter.create_histogram(duration, unit="s")
        self.counter: Counter | None = (
            meter.create_counter(f"lakeflow.{kind}.{self.counted}") if self.counted else None
        )


@dataclass(frozen=True)
class Gauge:
    """A number that is read whenever metrics are exported.

    :param path: where it is in the health of an app, with dots.
    :param combine: makes one number of those of all apps in the process.
    """

    name: str
    unit: str
    description: str
    path: str
    combine: Callable[[list[float]], float] = sum


GAUGES = (
    Gauge("lakeflow.streams.pushed", "{stream}", "Streams that hold no thread", "streams.pushed"),
    Gauge(
        "lakeflow.streams.threads",
        "{stream}",
        "Streams that hold a thread each",
        "streams.onThreads",
    ),
    Gauge(
        "lakeflow.streams.limit",
        "{stream}",
        "Maximum number of streams, from the first stream on",
        "streams.limit",
    ),
    Gauge(
        "lakeflow.streams.free",
        "{stream}",
        "Streams that still fit, from the first stream on",
        "streams.free",
    ),
    Gauge(
        "lakeflow.streams.sent_to_poll",
        "{viewer}",
        "Viewers that had to poll, since the process started",
        "streams.sentToPoll",
    ),
    Gauge("lakeflow.runs.watched", "{run}", "Runs with viewers", "watchedRuns"),
    Gauge(
        "lakeflow.poll.age",
        "s",
        "Seconds since the last successful poll, while there is a run to poll",
        "secondsSincePoll",
        max,
    ),
    Gauge(
        "lakeflow.circuit_breaker.open",
        "1",
        "1 while the workspace does not respond, otherwise 0",
        "circuitBreakerOpen",
        max,
    ),
    Gauge(
        "lakeflow.credentials.refused",
        "1",
        "1 while the workspace does not accept the app's credentials, otherwise 0",
        "credentialsRefused",
        max,
    ),
    Gauge(
        "lakeflow.cache.available",
        "1",
        "1 while the shared cache can be used, otherwise 0",
        "cacheAvailable",
        min,
    ),
    Gauge(
        "lakeflow.record.available",
        "1",
        "1 while the record can be written, otherwise 0; only in an app with one",
        "recordAvailable",
        min,
    ),
    Gauge(
        "lakeflow.record.failures",
        "{write}",
        "Writes to the record that failed, since the process started",
        "recordFailures",
    ),
)


class HasHealth(Protocol):
    """The state of one app whose gauges are observed."""

    def health(self) -> dict[str, Any]:
        """Return numbers, some in objects; ``None`` for those that are not known."""


#: Apps whose gauges are observed, as long as they exist.
_observed: WeakSet[HasHealth] = WeakSet()


def observe_health(app: HasHealth) -> None:
    """Observe the gauges of an app, if OpenTelemetry is installed."""
    if _create_gauges():
        _observed.add(app)


@cache
def _create_gauges() -> bool:
    meter = _get_meter()
    if meter is None:
        return False
    for gauge in GAUGES:
        meter.create_observable_gauge(
            gauge.name,
            callbacks=[partial(_observe_gauge, gauge)],
            unit=gauge.unit,
            description=gauge.description,
        )
    return True


def _observe_gauge(gauge: Gauge, options: object) -> Iterator[Measured]:
    from opentelemetry.metrics import Observation as Measured

    values = []
    for app in list(_observed):
        value: Any = app.health()
        for key in gauge.path.split("."):
            value = value.get(key)
        if value is not None:
            values.append(float(value))
    if values:
        yield Measured(gauge.combine(values))


def count_finished_run(job: str, outcome: str) -> None:
    """Count a run that this process has followed to its end."""
    counter = _finished_runs_counter()
    if counter is not None:
        counter.add(1, {JOB_ATTRIBUTE: job, OUTCOME_ATTRIBUTE: outcome})


@cache
def _finished_runs_counter() -> Counter | None:
    meter = _get_meter()
    return None if meter is None else meter.create_counter("lakeflow.runs.finished")


@cache
def instruments_for(kind: str) -> Instruments | None:
    """Return the instruments of a kind of operation, or ``None`` without OpenTelemetry."""
    meter = _get_meter()
    return None if meter is None else Instruments(kind, meter)


class Observation:
    """An observed operation: a span, its duration and a count.

    Without instruments it does nothing.
    """

    __slots__ = ("_attributes", "_count", "_instruments", "_started_at", "_token", "span")

    def __init__(
        self, instruments: Instruments | None, name: str, attributes: dict[str, str | bool]
    ) -> None:
        self._instruments = instruments
        if instruments is not None:
            self._attributes = attributes
            self._count = 0
            self._started_at = time.perf_counter()
            self.span = instruments.tracer.start_span(name, kind=instruments.span_kind)

    def count(self, more: int = 1) -> None:
        """Count attempts or events."""
        if self._instruments is not None:
            self._count += more

    def set_attribute(self, name: str, value: bool) -> None:
        """Add an attribute to the span and the metrics."""
        if self._instruments is not None:
            self._attributes[name] = value

    def bind_context(self, call: Callable[[], T]) -> Callable[[], T]:
        """Bind a call to the current context, for another thread: its spans become children."""
        if self._instruments is None:
            return call
        from opentelemetry import context

        current = context.get_current()

        def bound() -> T:
            token = context.attach(current)
            try:
                return call()
            finally:
                context.detach(token)

        return bound

    def end(self, outcome: str, *, is_failure: bool = False) -> None:
        """End the span and record the metrics.

        :param outcome: one of a few words.
        """
        if self._instruments is None:
            return
        from opentelemetry.trace import StatusCode

        self._attributes[OUTCOME_ATTRIBUTE] = outcome
        self._instruments.duration.record(time.perf_counter() - self._started_at, self._attributes)
        self.span.set_attributes(self._attributes)
        if self._instruments.counter is not None:
            self._instruments.counter.add(self._count, self._attributes)
            self.span.set_attribute(f"lakeflow.{self._instruments.counted}", self._count)
        if is_failure:
            self.span.set_status(StatusCode.ERROR, outcome)
        self.span.end()

    def __enter__(self) -> Observation:
        """Make the span the current one; end the observation on exit."""
        if self._instruments is not None:
            from opentelemetry import context, trace

            self._token = context.attach(trace.set_span_in_context(self.span))
        return self

    def __exit__(self, cls: object, error: BaseException | None, traceback: object) -> None:
        if self._instruments is None:
            return
        from opentelemetry import context

        context.detach(self._token)
        if error is None:
            self.end("ok")
        else:  # the message is not recorded: it may quote parameters
            outcome = error.kind if isinstance(error, LakeflowJobsError) else "error"
            self.end(outcome, is_failure=True)


#: The observation of everything where OpenTelemetry is not installed.
UNOBSERVED = Observation(None, "", {})


def observe_upstream_call(operation: str, job: str | None) -> Observation:
    """Observe a call to the workspace, retries included. Count each attempt.

    :param job: the job's key, if the call concerns a job.
    """
    attributes: dict[str, str | bool] = {OPERATION_ATTRIBUTE: operation}
    if job is not None:
        attributes[JOB_ATTRIBUTE] = job
    return _observe("upstream", f"lakeflow {operation}", attributes)


def observe_trigger(job: str) -> Observation:
    """Observe a trigger of a job. Set :data:`REPLAYED_ATTRIBUTE`."""
    return _observe("trigger", "lakeflow trigger", {JOB_ATTRIBUTE: job})


def observe_stream(jobs: Iterable[str]) -> Observation:
    """Observe an event stream of runs of some jobs. Count each event.

    Clients choose the jobs, so a combination of them is one value: :data:`SEVERAL_JOBS`.
    """
    keys = set(jobs)
    job = keys.pop() if len(keys) == 1 else SEVERAL_JOBS
    return _observe("stream", "lakeflow stream", {JOB_ATTRIBUTE: job})


def _observe(kind: str, name: str, attributes: dict[str, str | bool]) -> Observation:
    instruments = instruments_for(kind)
    return UNOBSERVED if instruments is None else Observation(instruments, name, attributes)
