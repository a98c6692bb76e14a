"""Spans and metrics through OpenTelemetry, where the host has it; nothing, at no cost, elsewhere.

What they say names jobs, operations and outcomes; never a token or a parameter's value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from .errors import LakeflowJobsError

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Histogram
    from opentelemetry.trace import SpanKind, Tracer

T = TypeVar("T")
P = ParamSpec("P")

SCOPE = "flask_lakeflow_jobs"

JOB = "lakeflow.job.key"
OPERATION = "lakeflow.operation"
OUTCOME = "lakeflow.outcome"
REPLAYED = "lakeflow.replayed"

OK = "ok"

#: Upper bounds of histograms, in seconds: for what somebody waits for, and for streams.
CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
STREAM_SECONDS = (1, 5, 15, 30, 60, 120, 180, 240, 300)


class HasKey(Protocol):
    """A job's handle."""

    @property
    def key(self) -> str: ...


class Replayable(Protocol):
    """The answer to a trigger."""

    @property
    def replayed(self) -> bool: ...


class Unobserved:
    """Something that nobody watches."""

    __slots__ = ()

    def count(self, more: int = 1) -> None:
        """Count attempts, or events.

        :param more: how many.
        """

    def note(self, name: str, value: bool) -> None:
        """Add what became known in its course.

        :param name: of the attribute.
        :param value: of it.
        """

    def bind_context(self, call: Callable[[], T]) -> Callable[[], T]:
        """A call that another thread makes, as a part of this.

        :param call: it.
        """
        return call

    def end(self, outcome: str, *, is_failure: bool = False) -> None:
        """Tell what became of it.

        :param outcome: a word of few.
        :param is_failure: whether that is bad.
        """

    def __enter__(self) -> Unobserved:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.end(OK)
        else:
            word = error.kind if isinstance(error, LakeflowJobsError) else "error"
            self.end(word, is_failure=True)


UNOBSERVED = Unobserved()


class Instruments:
    """What one kind of thing is told with.

    :param name: of the kind.
    :param counted: what is counted of it, if anything.
    :param bounds: upper bounds of the histogram of its duration, in seconds.
    :param kind: of its spans.
    """

    def __init__(
        self, name: str, counted: str | None, bounds: Sequence[float], kind: SpanKind
    ) -> None:
        from opentelemetry import metrics, trace

        meter = metrics.get_meter(SCOPE)
        self.name = name
        self.counted = counted
        self.kind = kind
        self.tracer: Tracer = trace.get_tracer(SCOPE)
        duration = f"lakeflow.{name}.duration"
        try:
            self.duration: Histogram = meter.create_histogram(
                duration, unit="s", explicit_bucket_boundaries_advisory=bounds
            )
        except TypeError:  # APIs before 1.30 take no advice
            self.duration = meter.create_histogram(duration, unit="s")
        self.counter: Counter | None = (
            meter.create_counter(f"lakeflow.{name}.{counted}") if counted else None
        )


class Observation(Unobserved):
    """One thing that is watched: a span, its duration, and what is counted of it.

    :param instruments: what it is told with.
    :param span: the name of the span.
    :param attributes: what is known of it from the beginning.
    """

    __slots__ = ("_attributes", "_began", "_count", "_instruments", "_span", "_token")

    def __init__(self, instruments: Instruments, span: str, attributes: dict[str, str | bool]):
        self._instruments = instruments
        self._attributes = attributes
        self._count = 0
        self._began = time.perf_counter()
        self._span = instruments.tracer.start_span(span, kind=instruments.kind)
        self._token: Token[Context] | None = None

    def count(self, more: int = 1) -> None:
        self._count += more

    def note(self, name: str, value: bool) -> None:
        self._attributes[name] = value

    def bind_context(self, call: Callable[[], T]) -> Callable[[], T]:
        from opentelemetry import context

        here = context.get_current()

        def within() -> T:
            token = context.attach(here)
            try:
                return call()
            finally:
                context.detach(token)

        return within

    def end(self, outcome: str, *, is_failure: bool = False) -> None:
        from opentelemetry.trace import StatusCode

        self._attributes[OUTCOME] = outcome
        instruments = self._instruments
        instruments.duration.record(time.perf_counter() - self._began, self._attributes)
        self._span.set_attributes(self._attributes)
        if instruments.counter is not None:
            instruments.counter.add(self._count, self._attributes)
            self._span.set_attribute(f"lakeflow.{instruments.counted}", self._count)
        if is_failure:
            self._span.set_status(StatusCode.ERROR, outcome)
        self._span.end()

    def __enter__(self) -> Observation:
        from opentelemetry import context, trace

        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from opentelemetry import context

        if self._token is not None:
            context.detach(self._token)
        super().__exit__(kind, error, trace)


@cache
def instruments_for(name: str) -> Instruments | None:
    """What a kind of thing is told with; ``None`` where the host has no OpenTelemetry.

    :param name: of the kind.
    """
    try:
        from opentelemetry.trace import SpanKind
    except ImportError:
        return None
    if name == "upstream":
        return Instruments(name, "attempts", CALL_SECONDS, SpanKind.CLIENT)
    if name == "stream":
        return Instruments(name, "events", STREAM_SECONDS, SpanKind.INTERNAL)
    return Instruments(name, None, CALL_SECONDS, SpanKind.INTERNAL)


def observe_upstream_call(operation: str, job: str | None) -> Unobserved:
    """Watch a call to the workspace, retries included; each attempt is to be counted.

    :param operation: which one.
    :param job: the job's key, if it is about one.
    """
    instruments = instruments_for("upstream")
    if instruments is None:
        return UNOBSERVED
    about: dict[str, str | bool] = {OPERATION: operation}
    if job is not None:
        about[JOB] = job
    return Observation(instruments, f"lakeflow {operation}", about)


def observe_stream(jobs: Iterable[str]) -> Unobserved:
    """Watch an event stream; each event is to be counted.

    :param jobs: the keys of the jobs whose runs are followed.
    """
    instruments = instruments_for("stream")
    if instruments is None:
        return UNOBSERVED
    return Observation(instruments, "lakeflow stream", {JOB: ", ".join(sorted(set(jobs)))})


H = TypeVar("H", bound=HasKey)
R = TypeVar("R", bound=Replayable)


def observe_trigger(run_now: Callable[Concatenate[H, P], R]) -> Callable[Concatenate[H, P], R]:
    """Watch each trigger of a job.

    :param run_now: a handle's method.
    """

    @wraps(run_now)
    def watched(handle: H, /, *args: P.args, **kwargs: P.kwargs) -> R:
        instruments = instruments_for("trigger")
        if instruments is None:
            return run_now(handle, *args, **kwargs)
        with Observation(instruments, "lakeflow trigger", {JOB: handle.key}) as observation:
            triggered = run_now(handle, *args, **kwargs)
            observation.note(REPLAYED, triggered.replayed)
            return triggered

    return watched
