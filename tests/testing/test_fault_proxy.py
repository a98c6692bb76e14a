"""The fault proxy, used by a plain HTTP client."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import pytest

from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import (
    Delay,
    Drop,
    Exchange,
    Fault,
    FaultyWorkspace,
    GatewayPage,
    InvalidBody,
    Refusal,
    Silence,
    SlowBody,
    TruncatedBody,
    hash_token,
)
from tests.support import ALICE, DEADLINE, run_python, wait_until

RUN_NOW = "/api/2.2/jobs/run-now"
LIST = "/api/2.2/jobs/list"


class Caller:
    """An HTTP client with one open connection."""

    def __init__(self, fault_proxy: FaultyWorkspace, timeout: float = 30.0) -> None:
        self._connection = HTTPConnection(urlsplit(fault_proxy.host).netloc, timeout=timeout)
        self.token = fault_proxy.token

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Mapping[str, str], Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        raw = response.read()
        return response.status, dict(response.headers), raw

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, _, raw = self.call(method, path, body)
        assert status == 200
        return json.loads(raw)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def caller(fault_proxy: FaultyWorkspace) -> Iterator[Caller]:
    caller = Caller(fault_proxy)
    yield caller
    caller.close()


def runs_of(caller: Caller, job_id: int) -> list[int]:
    document = caller.json("GET", f"/api/2.2/jobs/runs/list?job_id={job_id}&limit=25")
    return [run["run_id"] for run in document.get("runs", [])]


class TestWithoutFaults:
    def test_proxy_without_faults_forwards_and_records(
        self, fault_proxy: FaultyWorkspace, caller: Caller, job_ids: Mapping[str, int]
    ) -> None:
        started = caller.json(
            "POST", RUN_NOW, {"job_id": job_ids["never"], "job_parameters": {"day": "é"}}
        )
        document = caller.json("GET", f"/api/2.2/jobs/runs/get?run_id={started['run_id']}")

        assert document["job_parameters"] == [
            {"name": "day", "default": "2013-01-01", "value": "é"}
        ]
        trigger, read = fault_proxy.requests
        assert (trigger.method, trigger.path) == ("POST", RUN_NOW)
        assert trigger.body == {"job_id": job_ids["never"], "job_parameters": {"day": "é"}}
        assert (trigger.status, trigger.forwarded) == (200, True)
        assert trigger.token == hash_token(fault_proxy.token)
        assert fault_proxy.token not in repr(trigger)
        assert read.query == {"run_id": str(started["run_id"])}
        assert read.body is None

    def test_proxy_rewrites_addresses_in_discovery_documents(
        self, fault_proxy: FaultyWorkspace, caller: Caller, workspace: Address
    ) -> None:
        document = caller.json("GET", "/.well-known/databricks-config")

        assert document["oidc_endpoint"] == f"{fault_proxy.host}/oidc"
        assert workspace.host not in json.dumps(document)

    def test_proxy_forwards_errors_of_the_workspace(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        status, _, raw = caller.call("GET", "/api/2.2/jobs/get?job_id=1")

        assert (status, json.loads(raw)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert fault_proxy.requests[0].status == 400

    def test_proxy_accepts_configured_user_tokens_only(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        caller.token = ALICE
        assert caller.call("GET", LIST)[0] == 200
        caller.token = "somebody-else"
        assert caller.call("GET", LIST)[0] == 401
        assert [request.token for request in fault_proxy.requests] == [
            hash_token(ALICE),
            hash_token("somebody-else"),
        ]

    def test_proxy_restarts_at_the_same_address(self, workspace: Address) -> None:
        fault_proxy = FaultyWorkspace(workspace)
        fault_proxy.start()
        host = fault_proxy.host
        caller = Caller(fault_proxy)
        assert caller.call("GET", LIST)[0] == 200
        fault_proxy.stop()
        with pytest.raises((ConnectionError, HTTPException)):
            caller.call("GET", LIST)
        caller.close()
        with pytest.raises(ConnectionRefusedError):
            Caller(fault_proxy).call("GET", LIST)

        with fault_proxy:
            assert fault_proxy.host == host
            again = Caller(fault_proxy)
            assert again.call("GET", LIST)[0] == 200
            again.close()

    def test_proxy_of_a_stopped_workspace_breaks_the_connection(self) -> None:
        nobody = Address(host="http://127.0.0.1:9", token="t", pid=0)
        with FaultyWorkspace(nobody) as fault_proxy:
            caller = Caller(fault_proxy)
            with pytest.raises(ConnectionError):
                caller.call("GET", LIST)
            caller.close()
            assert not fault_proxy.requests[0].forwarded


class TestFaults:
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503, 504])
    def test_refusal_has_the_form_of_a_workspace_error(
        self, fault_proxy: FaultyWorkspace, caller: Caller, status: int
    ) -> None:
        fault_proxy.fail(Refusal(status, message="no", retry_after=7), times=1)

        answered, headers, raw = caller.call("GET", LIST)

        assert answered == status
        assert headers["Retry-After"] == "7"
        document = json.loads(raw)
        assert document["message"] == "no"
        assert document["error_code"].isupper()
        assert (fault_proxy.requests[0].status, fault_proxy.requests[0].forwarded) == (
            status,
            False,
        )
        assert caller.call("GET", LIST)[0] == 200, "the connection is fit for the next request"

    def test_refusal_without_retry_after_and_with_own_code(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        fault_proxy.fail(Refusal(400, "COULD_NOT_ACQUIRE_LOCK"))

        _, headers, raw = caller.call("GET", LIST)

        assert "Retry-After" not in headers
        assert json.loads(raw)["error_code"] == "COULD_NOT_ACQUIRE_LOCK"

    def test_gateway_page_responds_with_html(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        fault_proxy.fail(GatewayPage(502))

        status, headers, raw = caller.call("GET", LIST)

        assert (status, headers["Content-Type"]) == (502, "text/html; charset=utf-8")
        assert raw.startswith(b"<html>")

    def test_invalid_body_replaces_the_response_of_a_forwarded_request(
        self, fault_proxy: FaultyWorkspace, caller: Caller, job_ids: Mapping[str, int]
    ) -> None:
        fault_proxy.fail(InvalidBody(), path="run-now")
        before = runs_of(caller, job_ids["never"])

        status, _, raw = caller.call("POST", RUN_NOW, {"job_id": job_ids["never"]})

        assert status == 200
        with pytest.raises(UnicodeDecodeError):
            json.loads(raw)
        assert len(set(runs_of(caller, job_ids["never"])) - set(before)) == 1

    @pytest.mark.parametrize("accepted", [False, True])
    @pytest.mark.parametrize(
        ("reset", "expected"), [(True, ConnectionResetError), (False, RemoteDisconnected)]
    )
    def test_drop_sends_no_response_and_may_start_a_run(
        self,
        fault_proxy: FaultyWorkspace,
        workspace: Address,
        job_ids: Mapping[str, int],
        accepted: bool,
        reset: bool,
        expected: type[Exception],
    ) -> None:
        direct = FaultyWorkspace(workspace)
        with direct:
            witness = Caller(direct)
            before = runs_of(witness, job_ids["never"])
            fault_proxy.fail(Drop(accepted=accepted, reset=reset))
            caller = Caller(fault_proxy)

            with pytest.raises(expected) as caught:
                caller.call("POST", RUN_NOW, {"job_id": job_ids["never"]})
            caller.close()

            assert type(caught.value) is expected
            started = set(runs_of(witness, job_ids["never"])) - set(before)
            witness.close()
        assert len(started) == (1 if accepted else 0)
        assert fault_proxy.requests[0].forwarded is accepted
        assert fault_proxy.requests[0].status is None

    def test_truncated_body_ends_early(self, fault_proxy: FaultyWorkspace, caller: Caller) -> None:
        fault_proxy.fail(TruncatedBody())

        with pytest.raises(IncompleteRead) as caught:
            caller.call("GET", LIST)

        assert caught.value.partial.startswith(b'{"jobs"')

    def test_slow_body_sends_single_bytes(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        whole = caller.call("GET", LIST)[2]
        fault_proxy.fail(SlowBody(0))

        assert caller.call("GET", LIST)[2] == whole

    def test_delay_changes_only_the_time(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        whole = caller.call("GET", LIST)[2]
        fault_proxy.fail(Delay(0.01))

        assert caller.call("GET", LIST)[2] == whole

    @pytest.mark.parametrize("accepted", [False, True])
    def test_silence_never_responds(self, fault_proxy: FaultyWorkspace, accepted: bool) -> None:
        fault_proxy.fail(Silence(accepted=accepted))
        caller = Caller(fault_proxy, timeout=0.1)

        with pytest.raises(TimeoutError):
            caller.call("GET", LIST)
        [request] = fault_proxy.wait_for(timeout=DEADLINE)
        wait_until(lambda: request.forwarded is accepted, "the request at the workspace")
        caller.close()

        assert request.status is None

    @pytest.mark.parametrize("fault", [Silence(), SlowBody(3600), Delay(3600)])
    def test_stop_ends_hanging_requests(
        self, workspace: Address, in_threads: Callable[..., Any], fault: Fault
    ) -> None:
        fault_proxy = FaultyWorkspace(workspace)
        fault_proxy.start()
        fault_proxy.fail(fault)
        caller = Caller(fault_proxy)
        caught: list[BaseException] = []

        def call() -> None:
            try:
                caller.call("GET", LIST)
            except (OSError, HTTPException) as error:
                caught.append(error)

        (thread,) = in_threads(call)
        fault_proxy.wait_for(path="jobs/list")
        fault_proxy.stop()
        thread.join(DEADLINE)
        caller.close()
        assert len(caught) == 1

    def test_fault_may_be_any_callable(self, fault_proxy: FaultyWorkspace, caller: Caller) -> None:
        def shout(exchange: Exchange) -> None:
            reply = exchange.forward()
            exchange.respond(type(reply)(reply.status, reply.headers, reply.body.upper()))

        fault_proxy.fail(shout)

        assert caller.call("GET", LIST)[2].startswith(b'{"JOBS"')


class TestRules:
    def test_rule_matches_its_method_and_path_only(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        rule = fault_proxy.fail(Refusal(403), method="GET", path="jobs/list")

        statuses = [
            caller.call("GET", LIST)[0],
            caller.call("GET", "/api/2.2/jobs/runs/list")[0],
            caller.call("POST", "/api/2.2/jobs/runs/cancel-all", {"all_queued_runs": True})[0],
        ]

        assert statuses == [403, 200, 200]
        assert rule.applied == 1

    def test_rule_matches_the_end_of_the_path(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        fault_proxy.fail(Refusal(403), path="runs/get")

        assert caller.call("GET", "/api/2.2/jobs/runs/get-output?run_id=1")[0] == 400

    def test_rule_that_is_used_up_gives_way_to_the_next(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        fault_proxy.fail(Refusal(429), times=2)
        fault_proxy.fail(Refusal(503), times=1)

        assert [caller.call("GET", LIST)[0] for _ in range(4)] == [429, 429, 503, 200]

    def test_clear_faults_removes_all_rules(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        fault_proxy.fail(Refusal(500))
        fault_proxy.clear_faults()

        assert caller.call("GET", LIST)[0] == 200

    def test_rate_with_the_same_seed_is_reproducible(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        draws = []
        for _ in range(2):
            rule = fault_proxy.fail(Refusal(500), rate=0.3, random=random.Random(7))
            draws.append([caller.call("GET", LIST)[0] for _ in range(40)])
            fault_proxy.clear_faults()

        assert draws[0] == draws[1]
        assert draws[0].count(500) == rule.applied
        assert 4 <= rule.applied <= 20

    def test_rate_without_random_raises(self, fault_proxy: FaultyWorkspace) -> None:
        with pytest.raises(ValueError, match="random"):
            fault_proxy.fail(Refusal(500), rate=0.5)

    def test_class_in_place_of_a_fault_raises(self, fault_proxy: FaultyWorkspace) -> None:
        with pytest.raises(TypeError, match=r"Pass a fault, as Drop\(…\)\."):
            fault_proxy.fail(Drop)  # type: ignore[arg-type]

    def test_rule_matches_a_method_in_lower_case(
        self, fault_proxy: FaultyWorkspace, caller: Caller
    ) -> None:
        fault_proxy.fail(Refusal(403), method="get")

        assert caller.call("GET", LIST)[0] == 403

    def test_wait_for_requests_that_do_not_arrive_raises(
        self, fault_proxy: FaultyWorkspace
    ) -> None:
        with pytest.raises(TimeoutError, match="0 of 1 requests"):
            fault_proxy.wait_for(path="jobs/list", timeout=0.01)


def test_script_ends_although_it_does_not_stop_the_proxy(workspace: Address) -> None:
    program = f"""
from http.client import HTTPConnection
from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import FaultyWorkspace

fault_proxy = FaultyWorkspace(Address({workspace.host!r}, "", 0))
fault_proxy.start()
connection = HTTPConnection(fault_proxy.host.removeprefix("http://"))
connection.request("GET", "{LIST}")
print(connection.getresponse().status)
"""
    assert run_python(program).strip() == "401"
