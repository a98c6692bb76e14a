"""Error trackers, tracers, the debug toolbar and the configuration of logs."""

from __future__ import annotations

import json
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs import current_jobs
from tests.conftest import MakeApp
from tests.hosts.support import import_package
from tests.support import ALICE, on_behalf_of

#: The names that the token of a user has in a request and in an environment of WSGI.
TOKEN_NAMES = ["x-forwarded-access-token", "http_x_forwarded_access_token"]


@pytest.fixture
def sent_to_sentry() -> Iterator[list[Any]]:
    """The events that Sentry would receive, with the scrubber of the docs."""
    sentry_sdk = import_package("sentry_sdk")
    scrubber = import_package("sentry_sdk.scrubber")
    sent: list[Any] = []

    class Transport(sentry_sdk.Transport):  # type: ignore[misc,name-defined]
        def capture_envelope(self, envelope: Any) -> None:
            sent.extend(item.payload.json for item in envelope.items)

    sentry_sdk.init(
        dsn="https://key@sentry.invalid/1",
        transport=Transport,
        traces_sample_rate=1.0,
        event_scrubber=scrubber.EventScrubber(
            denylist=[*scrubber.DEFAULT_DENYLIST, *TOKEN_NAMES], recursive=True
        ),
    )
    yield sent
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def test_sentry_with_the_scrubber_gets_no_token(
    sent_to_sentry: list[Any], make_app: MakeApp
) -> None:
    app = make_app()

    @app.get("/broken")
    def broken() -> str:
        run_id = current_jobs["quick"].run_now().run_id
        raise RuntimeError(f"Run {run_id} is not welcome.")

    assert app.test_client().get("/broken", headers=on_behalf_of(ALICE)).status_code == 500
    events = json.dumps(sent_to_sentry)
    assert "is not welcome" in events
    assert "X-Forwarded-Access-Token" in events, "the header, with another value"
    assert ALICE not in events
    assert app.config["DATABRICKS_TOKEN"] not in events


def test_opentelemetry_spans_of_the_extension_are_children_of_the_request(app: Flask) -> None:
    instrumentation = import_package("opentelemetry.instrumentation.flask")
    sdk = import_package("opentelemetry.sdk.trace")
    export = import_package("opentelemetry.sdk.trace.export")
    memory = import_package("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    trace = import_package("opentelemetry.trace")
    exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    instrumentation.FlaskInstrumentor().instrument_app(app, tracer_provider=provider)

    client = app.test_client()
    assert (
        client.post("/api/jobs/never/run", json={}, headers=on_behalf_of(ALICE)).status_code == 200
    )

    spans = {span.name: span for span in exporter.get_finished_spans()}
    request = next(span for name, span in spans.items() if name.startswith("POST"))
    assert spans["lakeflow trigger"].parent.span_id == request.context.span_id
    assert ALICE not in "".join(span.to_json() for span in spans.values())


def test_prometheus_grouped_by_rule_has_no_time_series_for_a_run(app: Flask) -> None:
    client_library = import_package("prometheus_client")
    exporter = import_package("prometheus_flask_exporter")
    registry = client_library.CollectorRegistry()
    exporter.PrometheusMetrics(app, group_by="url_rule", registry=registry)
    client = app.test_client()

    run_id = client.post("/api/jobs/quick/run", json={}).get_json()["runId"]
    assert client.get(f"/api/jobs/quick/runs/{run_id}/stream?poll=true").status_code == 200
    metrics = client.get("/metrics").text
    assert 'url_rule="/api/jobs/<key>/runs/<run_id>/stream"' in metrics
    assert str(run_id) not in metrics


def test_debug_toolbar_changes_the_pages_of_the_console_only(make_app: MakeApp) -> None:
    app = make_app(LAKEFLOW_JOBS_CONSOLE=True, SECRET_KEY="of the host")
    app.debug = True
    import_package("flask_debugtoolbar").DebugToolbarExtension(app)
    client = app.test_client()

    assert "flDebug" in client.get("/jobs/").text
    assert client.get("/api/jobs/").is_json
    run_id = client.post("/api/jobs/quick/run", json={}).get_json()["runId"]
    with app.app_context():
        current_jobs["quick"].wait(run_id)
    stream = client.get(f"/api/jobs/quick/runs/{run_id}/stream")
    assert "event: end" in stream.text
    assert "flDebug" not in stream.text


@pytest.mark.parametrize("disables", [True, False])
def test_dict_config_disables_the_loggers_unless_told_not_to(disables: bool) -> None:
    names = ["", ".polling", ".upstream", ".web", ".audit", ".local"]
    loggers = [logging.getLogger(f"flask_lakeflow_jobs{name}") for name in names]
    others = [
        item for item in logging.root.manager.loggerDict.values() if hasattr(item, "disabled")
    ]
    was_disabled = [logger.disabled for logger in others]
    try:
        logging.config.dictConfig(
            {"version": 1} | ({} if disables else {"disable_existing_loggers": False})
        )
        assert {logger.disabled for logger in loggers} == {disables}
    finally:
        for logger, value in zip(others, was_disabled, strict=True):
            logger.disabled = value
