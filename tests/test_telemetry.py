"""Spans and metrics, recorded by the in-memory exporters of OpenTelemetry's SDK."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakSet

import pytest
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flask_lakeflow_jobs import health, telemetry
from flask_lakeflow_jobs.globals import current_state
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from flask_lakeflow_jobs.upstream.calls import FAILURE_THRESHOLD
from tests.conftest import MakeApp, Serve
from tests.sse_client import Stream
from tests.support import ALICE, DEADLINE, RunGate, on_behalf_of, wait_until

SECRET = "hunter2"


@pytest.fixture(scope="module")
def exporter() -> Iterator[InMemorySpanExporter]:
    """The exporter of spans. OpenTelemetry accepts one provider per process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


@pytest.fixture(scope="module")
def reader() -> Iterator[InMemoryMetricReader]:
    """The reader of metrics."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    yield reader
    provider.shutdown()


class Recorder:
    """The spans and metrics since the start of the test."""

    def __init__(self, exporter: InMemorySpanExporter, reader: InMemoryMetricReader) -> None:
        self._exporter = exporter
        self._reader = reader

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def attributes(self, name: str) -> list[dict[str, Any]]:
        return [dict(span.attributes or {}) for span in self.spans(name)]

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    @property
    def everything(self) -> str:
        spans = [span.to_json() for span in self._exporter.get_finished_spans()]
        data = self._reader.get_metrics_data()
        return " ".join([*spans, data.to_json() if data else ""])


@pytest.fixture
def recorder(exporter: InMemorySpanExporter, reader: InMemoryMetricReader) -> Recorder:
    exporter.clear()
    return Recorder(exporter, reader)


def test_upstream_call_has_a_span_with_its_attempts(
    client: FlaskClient, fault_proxy: FaultyWorkspace, recorder: Recorder
) -> None:
    fault_proxy.fail(Refusal(503), path="runs/list", times=1)
    assert client.get("/api/jobs/quick/runs").status_code == 200

    (attributes,) = recorder.attributes("lakeflow list_runs")
    assert attributes == {
        "lakeflow.job.key": "quick",
        "lakeflow.operation": "list_runs",
        "lakeflow.outcome": "ok",
        "lakeflow.attempts": 2,
    }
    (span,) = recorder.spans("lakeflow list_runs")
    assert span.kind is trace.SpanKind.CLIENT
    assert span.status.is_unset


def test_upstream_call_that_fails_has_only_its_outcome(
    client: FlaskClient, fault_proxy: FaultyWorkspace, recorder: Recorder
) -> None:
    fault_proxy.fail(Refusal(429, message=f"no {SECRET}", retry_after=3600), path="runs/list")
    client.get("/api/jobs/quick/runs")

    (span,) = recorder.spans("lakeflow list_runs")
    assert dict(span.attributes or {})["lakeflow.outcome"] == "upstream-throttled"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert not span.events
    assert SECRET not in recorder.everything


def test_upstream_calls_are_counted_and_timed(
    client: FlaskClient, fault_proxy: FaultyWorkspace, recorder: Recorder
) -> None:
    fault_proxy.fail(Refusal(503), path="runs/list", times=1)
    client.get("/api/jobs/never/runs")

    def of_this(point: Any) -> bool:
        about: dict[str, Any] = point.attributes
        return (about.get("lakeflow.job.key"), about["lakeflow.operation"]) == (
            "never",
            "list_runs",
        )

    (duration,) = filter(of_this, recorder.points("lakeflow.upstream.duration"))
    assert duration.count == 1
    assert 0 < duration.sum < DEADLINE
    assert duration.attributes["lakeflow.outcome"] == "ok"
    (attempts,) = filter(of_this, recorder.points("lakeflow.upstream.attempts"))
    assert attempts.value == 2


def test_bind_context_makes_the_span_current_in_another_thread(recorder: Recorder) -> None:
    with (
        telemetry.observe_upstream_call("get_run", "etl") as observation,
        ThreadPoolExecutor(1) as threads,
    ):
        inside = threads.submit(observation.bind_context(trace.get_current_span)).result()
        outside = threads.submit(trace.get_current_span).result()

    (span,) = recorder.spans("lakeflow get_run")
    assert inside.get_span_context() == span.context
    assert not outside.get_span_context().is_valid


def test_trigger_span_is_the_parent_of_its_call(client: FlaskClient, recorder: Recorder) -> None:
    headers = {"Idempotency-Key": "telemetry", **on_behalf_of(ALICE)}
    for _ in range(2):
        client.post("/api/jobs/never/run", json={"params": {"day": SECRET}}, headers=headers)

    first, again = recorder.attributes("lakeflow trigger")
    assert first == {
        "lakeflow.job.key": "never",
        "lakeflow.outcome": "ok",
        "lakeflow.replayed": False,
    }
    assert again["lakeflow.replayed"] is True
    call, trigger = recorder.spans("lakeflow run_now")[0], recorder.spans("lakeflow trigger")[0]
    assert call.parent is not None
    assert call.parent.span_id == trigger.context.span_id
    assert SECRET not in recorder.everything
    assert ALICE not in recorder.everything


def test_trigger_that_is_refused_has_its_outcome(client: FlaskClient, recorder: Recorder) -> None:
    client.post("/api/jobs/script/run", json={"params": {"args": SECRET}})

    (span,) = recorder.spans("lakeflow trigger")
    assert dict(span.attributes or {})["lakeflow.outcome"] == "invalid-parameters"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert SECRET not in recorder.everything
    outcomes = {
        point.attributes["lakeflow.outcome"]
        for point in recorder.points("lakeflow.trigger.duration")
    }
    assert "invalid-parameters" in outcomes


def streams(recorder: Recorder) -> list[dict[str, Any]]:
    return wait_until(lambda: recorder.attributes("lakeflow stream"), "The end of the stream")


def test_stream_span_has_events_and_outcome(
    app: Flask, serve: Serve, run_gate: RunGate, recorder: Recorder
) -> None:
    url, client = serve(app), app.test_client()
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    with Stream.open(f"{url}/api/jobs/gated/runs/{run_id}/stream") as stream:
        next(stream)
        run_gate.open()
        events = 1 + sum(event.name == "message" for event in stream)

    (attributes,) = streams(recorder)
    assert attributes == {
        "lakeflow.job.key": "gated",
        "lakeflow.outcome": "runs_ended",
        "lakeflow.events": events,
    }
    assert any(
        point.attributes["lakeflow.outcome"] == "runs_ended"
        for point in recorder.points("lakeflow.stream.duration")
    )


def test_streams_of_several_jobs_have_one_value_of_the_job(recorder: Recorder) -> None:
    """Clients choose the jobs of a stream: combinations would be as many time series."""
    keys = ["a", "b", "c", "d"]
    for size in range(1, 5):
        for jobs in itertools.combinations(keys, size):
            telemetry.observe_stream(jobs * 2).end("runs_ended")

    values = {each["lakeflow.job.key"] for each in recorder.attributes("lakeflow stream")}
    assert values == {*keys, telemetry.SEVERAL_JOBS}


def test_stream_span_of_disconnected_viewer_has_outcome_viewer_left(
    make_app: MakeApp, serve: Serve, run_gate: RunGate, recorder: Recorder
) -> None:
    app = make_app(LAKEFLOW_JOBS_HEARTBEAT=0.05)
    url, client = serve(app), app.test_client()
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    with Stream.open(f"{url}/api/jobs/stream?run=gated:{run_id}") as stream:
        next(stream)
    (attributes,) = streams(recorder)
    assert attributes["lakeflow.outcome"] == "viewer_left"


def test_stream_span_at_maximum_lifetime_has_outcome_sent_back(
    make_app: MakeApp, run_gate: RunGate, recorder: Recorder
) -> None:
    client = make_app(LAKEFLOW_JOBS_STREAM_MAX_SECONDS=0.1).test_client()
    run_id = client.post("/api/jobs/gated/run", json={"params": run_gate.params}).get_json()[
        "runId"
    ]
    client.get(f"/api/jobs/gated/runs/{run_id}/stream", buffered=True)
    (attributes,) = streams(recorder)
    assert attributes["lakeflow.outcome"] == "sent_back"


def test_gauges_are_those_of_the_health_of_all_apps(
    make_app: MakeApp, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def values(name: str) -> list[float]:
        return [point.value for point in recorder.points(name)]

    monkeypatch.setattr(telemetry, "_observed", WeakSet())  # not the apps of other tests
    apps = [make_app(), make_app()]
    assert not values("lakeflow.circuit_breaker.open"), "only from the first call on"
    for app in apps:
        app.test_client().get("/api/jobs/quick/runs")
    assert values("lakeflow.circuit_breaker.open") == [0.0]
    with apps[1].app_context():
        for _ in range(FAILURE_THRESHOLD):
            current_state().upstream.call_resources.breaker.record_failure()
    assert values("lakeflow.circuit_breaker.open") == [1.0]
    assert values("lakeflow.cache.available") == [1.0]
    assert values("lakeflow.runs.watched") == [0.0]
    assert not values("lakeflow.poll.age"), "there is nothing to poll"


def test_every_gauge_is_a_number_of_the_health(make_app: MakeApp) -> None:
    numbers: Any = health(make_app(LAKEFLOW_JOBS_RECORD_URL=True))
    for gauge in telemetry.GAUGES:
        value = numbers
        for key in gauge.path.split("."):
            value = value[key]
        assert value is None or isinstance(value, int | float), gauge.name


def test_finished_runs_are_counted_by_job_and_outcome(
    client: FlaskClient, recorder: Recorder
) -> None:
    end = {"lakeflow.job.key": "quick", "lakeflow.outcome": "succeeded"}

    def is_counted() -> bool:
        return end in [dict(each.attributes) for each in recorder.points("lakeflow.runs.finished")]

    client.post("/api/jobs/quick/run?stream=true", json={}).get_data()
    wait_until(is_counted, "the count, which follows the last state")


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from flask_lakeflow_jobs import telemetry

with telemetry.observe_upstream_call("get_run", "etl") as observation:
    assert observation is telemetry.UNOBSERVED
    observation.count()
    assert observation.bind_context(print) is print
assert telemetry.observe_stream(["etl"]) is observation

with telemetry.observe_trigger("etl") as trigger:
    assert trigger is observation
    trigger.set_attribute(telemetry.REPLAYED_ATTRIBUTE, True)

telemetry.observe_health(object())
telemetry.count_finished_run("etl", "succeeded")
"""


def test_without_opentelemetry_nothing_is_observed() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)


def test_upstream_call_that_raises_any_error_has_outcome_error(recorder: Recorder) -> None:
    with pytest.raises(LookupError), telemetry.observe_upstream_call("get_run", None):
        raise LookupError(SECRET)
    (attributes,) = recorder.attributes("lakeflow get_run")
    assert attributes["lakeflow.outcome"] == "error"
    assert SECRET not in recorder.everything
