"""Encoders: updates as events, and the ids by which a client resumes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from databricks.sdk.service.jobs import Run
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import RunNotFound, RunStatus, UpstreamUnavailable
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.snapshot import Snapshot, StateId
from flask_lakeflow_jobs.watching.watched_run import RunKey, RunUpdate
from flask_lakeflow_jobs.web.responses import build_problem
from flask_lakeflow_jobs.web.sse.encoder import (
    EventEncoder,
    MultiRunEventEncoder,
    encode_run_update,
    parse_last_event_id,
)
from tests.run_documents import SUCCEEDED, build_job, run, state_id_of
from tests.sse_client import Event, SseParser

ETL = RunKey(APP, build_job(), 1001)
REPORT = RunKey(APP, build_job("report", 8), 1002)
NIGHTLY = RunKey(APP, build_job("nightly"), 1001)  # the run of ETL, under another key

RUNNING, ENDED = run(), run(SUCCEEDED)
RUNNING_ID = state_id_of(RUNNING)
UNAVAILABLE = UpstreamUnavailable("Not now.")


def state(run_key: RunKey, document: Run = RUNNING) -> RunUpdate:
    return RunUpdate(run_key, snapshot=Snapshot.from_status(RunStatus(1_700_000_000_000, document)))


def parse(data: bytes) -> Event:
    parser = SseParser()
    [event] = parser.feed(data)
    assert not parser.is_incomplete
    return event


def test_brief_encoders_differ_by_the_run_only() -> None:
    update = state(ETL)
    whole, brief = (parse(encode_run_update(update, is_brief=each)) for each in (False, True))
    assert (brief.name, brief.own_id) == (whole.name, whole.own_id)
    assert brief.json == {name: each for name, each in whole.json.items() if name != "run"}
    encode = MultiRunEventEncoder([("etl", 1001)], {}, is_brief=True).encode
    assert parse(encode(state(ETL))).json == {"job": "etl", "runId": 1001, **brief.json}
    failed = RunUpdate(ETL, transient_error=UNAVAILABLE)
    assert encode_run_update(failed, is_brief=True) == encode_run_update(failed)


def multi(*run_keys: RunKey, last_states: dict[int, StateId] | None = None) -> EventEncoder:
    runs = [(run_key.job.key, run_key.run_id) for run_key in run_keys]
    return MultiRunEventEncoder(runs, last_states or {}).encode


def resume(last_id: str, run_keys: Sequence[RunKey]) -> dict[int, StateId]:
    return parse_last_event_id(last_id, {run_key.run_id for run_key in run_keys})


def test_encode_run_update_state_has_its_id_and_no_name() -> None:
    event = parse(encode_run_update(state(ETL)))
    assert (event.name, event.own_id) == ("message", str(RUNNING_ID))
    assert event.json == {
        "status": "RUNNING",
        "outcome": "running",
        "timestamp": 1_700_000_000_000,
        "run": RUNNING.as_dict(),
    }


NOTICES: list[tuple[RunUpdate, str, dict[str, object]]] = [
    (RunUpdate(ETL, transient_error=UNAVAILABLE), "stale", build_problem(UNAVAILABLE)),
    (RunUpdate(ETL), "fresh", {}),
    (
        RunUpdate(ETL, error=RunNotFound(1001, "etl")),
        "error",
        build_problem(RunNotFound(1001, "etl")),
    ),
]


@pytest.mark.parametrize(("update", "name", "document"), NOTICES)
def test_encoders_other_updates_have_a_name_and_no_id(
    update: RunUpdate, name: str, document: dict[str, object]
) -> None:
    event = parse(encode_run_update(update))
    assert (event.name, event.own_id, event.json) == (name, None, document)
    event = parse(multi(ETL, REPORT)(update))
    assert (event.name, event.own_id) == (name, None)
    assert event.json == {"job": "etl", "runId": 1001, **document}


def test_encode_run_update_equal_snapshot_is_encoded_once() -> None:
    update = state(ETL)
    assert encode_run_update(update) is encode_run_update(update)


def test_multi_run_encoder_event_names_its_run_and_all_states() -> None:
    encode = multi(ETL, REPORT)
    first, second = parse(encode(state(ETL))), parse(encode(state(REPORT)))
    assert (first.json["job"], first.json["runId"]) == ("etl", 1001)
    assert (second.json["job"], second.json["run"]) == ("report", RUNNING.as_dict())
    assert first.own_id == f"1001:{RUNNING_ID}"
    assert second.own_id == f"1001:{RUNNING_ID},1002:{RUNNING_ID}"


def test_multi_run_encoder_after_resume_keeps_the_states_of_other_runs() -> None:
    encode = multi(ETL, REPORT, last_states={1002: RUNNING_ID})
    event = parse(encode(state(ETL, ENDED)))
    assert event.own_id == f"1001:{state_id_of(ENDED)},1002:{RUNNING_ID}"


def test_multi_run_encoder_run_of_two_keys_has_an_id_after_both_events() -> None:
    encode = multi(ETL, NIGHTLY)
    assert parse(encode(state(ETL))).own_id == ""
    assert parse(encode(state(NIGHTLY))).own_id == f"1001:{RUNNING_ID}"
    assert parse(encode(state(ETL, ENDED))).own_id == ""


def test_multi_run_encoder_id_of_fifty_runs_fits_into_a_header() -> None:
    run_keys = [RunKey(APP, build_job(), 10**18 + number) for number in range(50)]
    encode = multi(*run_keys)
    last_id = [parse(encode(state(run_key))) for run_key in run_keys][-1].last_id
    assert len(last_id) < 4096
    assert resume(last_id, run_keys) == {run_key.run_id: RUNNING_ID for run_key in run_keys}


@given(st.text() | st.text("0123456789:.,-abcdef").map(lambda text: "1001:" + text))
def test_parse_last_event_id_any_text_yields_requested_runs_only(text: str) -> None:
    found = resume(text, [ETL, REPORT])
    assert set(found) <= {1001, 1002}
    assert None not in found.values()


@pytest.mark.parametrize("run_id", ["9" * 5000, "\u0661001", "7", "", "-1001", "+1001", " 1001"])
def test_parse_last_event_id_ignores_other_runs_and_invalid_ids(run_id: str) -> None:
    text = f"{run_id}:0.2.1-0123456789ab"
    assert resume(text, [ETL, REPORT]) == {}
    assert set(resume(f"{text},1002:{RUNNING_ID}", [ETL, REPORT])) == {1002}
