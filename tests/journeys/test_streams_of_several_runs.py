"""One event stream of several runs over real HTTP."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.conftest import MakeApp, Serve
from tests.journeys.streams import finish_run, start_run, states_in
from tests.sse_client import Stream
from tests.support import RunGate


class TestSeveralRuns:
    def test_stream_of_several_runs_names_each_run_and_ends_once(
        self, url: str, run_gate: RunGate
    ) -> None:
        first, second = finish_run("never"), start_run("gated", run_gate.params)

        with Stream.open(f"{url}/stream?run=never:{first}&run=gated:{second}") as stream:
            events = [next(stream), next(stream)]
            run_gate.open()
            events += list(stream)

        assert {(event.json["job"], event.json["runId"]) for event in states_in(events)} == {
            ("never", first),
            ("gated", second),
        }
        assert all(
            event.json["run"]["run_id"] == event.json["runId"] for event in states_in(events)
        )
        assert [event.name for event in events].count("end") == 1
        assert events[-1].name == "end"

    def test_brief_streams_have_no_documents_of_runs(self, url: str) -> None:
        run_id = finish_run("never")
        for path in (f"stream?run=never:{run_id}&", f"never/runs/{run_id}/stream?"):
            for query, has_run in (("brief=true", False), ("brief=false", True)):
                with Stream.open(f"{url}/{path}{query}") as stream:
                    (state,) = states_in(list(stream))
                assert state.json["outcome"] == "skipped"
                assert ("run" in state.json) is has_run

    def test_stream_of_several_runs_resumes_each_run(self, url: str, run_gate: RunGate) -> None:
        first, second = finish_run("never"), start_run("gated", run_gate.params)
        path = f"{url}/stream?run=never:{first}&run=gated:{second}"
        with Stream.open(path) as stream:
            last_id = [next(stream), next(stream)][-1].last_id

        with Stream.open(path, last_event_id=last_id) as resumed:
            run_gate.open()
            events = list(resumed)

        assert {event.json["job"] for event in states_in(events)} == {"gated"}
        with Stream.open(path, last_event_id=events[-1].last_id) as over:
            assert over.status == 204

    def test_stream_of_several_runs_continues_without_a_missing_run(self, url: str) -> None:
        run_id = finish_run("never")

        with Stream.open(f"{url}/stream?run=quick:1&run=never:{run_id}") as stream:
            events = list(stream)

        by_name = {event.name: event for event in events}
        assert set(by_name) == {"error", "message", "end"}
        assert (by_name["error"].json["runId"], by_name["error"].json["status"]) == (1, 404)
        assert by_name["error"].own_id is None
        assert by_name["message"].json["runId"] == run_id
        with Stream.open(
            f"{url}/stream?run=quick:1&run=never:{run_id}", last_event_id=events[-1].last_id
        ) as over:
            assert over.status == 204, "or a browser would come back for ever"

    def test_stream_of_several_missing_runs_is_404(self, client: FlaskClient) -> None:
        response = client.get("/api/jobs/stream?run=quick:1&run=never:2")

        assert response.status_code == 404
        assert response.mimetype == "application/problem+json"

    def test_stream_of_a_run_under_two_keys_resumes_both(
        self, make_app: MakeApp, serve: Serve
    ) -> None:
        app = make_app(jobs={"again": {"of": "never", "task_type": "job"}})
        with app.app_context():
            run_id = finish_run("never")
        path = f"{serve(app)}/api/jobs/stream?run=never:{run_id}&run=again:{run_id}"
        with Stream.open(path) as stream:
            events = list(stream)

        assert [event.json["job"] for event in states_in(events)] == ["never", "again"]
        with Stream.open(path, last_event_id=events[-1].last_id) as over:
            assert over.status == 204
