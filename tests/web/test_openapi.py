"""The OpenAPI document: it is valid, complete, and describes what the routes do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from marshmallow import Schema, fields, validate
from openapi_spec_validator import OpenAPIV31SpecValidator

from flask_lakeflow_jobs import LakeflowJobs, current_jobs
from flask_lakeflow_jobs.runs.ids import MAX_ID
from flask_lakeflow_jobs.runs.json_schema import build_json_schema
from flask_lakeflow_jobs.runs.outcome import Outcome
from flask_lakeflow_jobs.testing import FaultyWorkspace, Refusal
from flask_lakeflow_jobs.web.requests import (
    DEFAULT_LIMIT,
    MAX_KEY_LENGTH,
    MAX_LIMIT,
    MAX_STREAMED_RUNS,
    MIN_LIMIT,
    RepairSchema,
)
from flask_lakeflow_jobs.web.sse.format import EVENT_TYPES
from tests.conftest import MakeApp
from tests.support import RunGate

Json = dict[str, Any]


class Params(Schema):
    day = fields.Date(required=True)
    rows = fields.Integer(validate=validate.Range(min=1))


JOBS = {
    "described": {"of": "quick", "task_type": "job", "params": Params, "description": "Loads it."},
    **{
        f"a-{task_type}": {"of": "quick", "task_type": task_type}
        for task_type in ("notebook", "spark_jar", "dbt", "dbt_commands", "pipeline", "sql")
    },
    "ключ": {"of": "quick"},
}


def walk(value: Any) -> Iterator[Json]:
    """Yield all mappings in a document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from walk(each)


def document_of(app: Flask) -> Json:
    response = app.test_client().get("/api/jobs/openapi.json")
    assert response.status_code == 200
    document: Json = response.get_json()
    return document


@pytest.fixture
def document(make_app: MakeApp) -> Json:
    return document_of(make_app(jobs=JOBS))


def test_document_is_valid_openapi_3_1(document: Json) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == version("flask-lakeflow-jobs")


def test_document_of_an_app_without_jobs_is_valid() -> None:
    app = Flask("app")
    LakeflowJobs(app)
    document = document_of(app)
    OpenAPIV31SpecValidator(document).validate()
    assert not any("{key}" in path for path in document["paths"])
    assert "/stream" not in document["paths"]


WEBHOOK = {
    "LAKEFLOW_JOBS_WEBHOOK_USERNAME": "databricks",
    "LAKEFLOW_JOBS_WEBHOOK_PASSWORD": "secret",
}


@pytest.mark.parametrize("config", [{}, WEBHOOK], ids=["bare", "webhook"])
def test_document_contains_every_route_and_no_other(make_app: MakeApp, config: Json) -> None:
    app = make_app(**config)
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix("/api/jobs")), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/jobs") and not rule.endpoint.endswith("unserved")
        for method in (rule.methods or set()) - {"HEAD"}
    }
    documented = {
        (re.sub(r"^/[\w-]+/run$", "/{key}/run", path), method)
        for path, item in document_of(app)["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert documented == served


def test_document_requires_credentials_for_the_webhook_only(make_app: MakeApp) -> None:
    document = document_of(make_app(**WEBHOOK))
    OpenAPIV31SpecValidator(document).validate()
    secured = {
        (path, method): operation["security"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and "security" in operation
    }
    assert secured == {("/webhook", "post"): [{"webhook": []}, {"webhookToken": []}]}
    scheme = document["components"]["securitySchemes"]["webhook"]
    assert scheme == {"type": "http", "scheme": "basic"}
    assert "secret" not in str(document)


def test_document_has_a_run_operation_per_job_with_its_parameters(document: Json) -> None:
    operation = document["paths"]["/described/run"]["post"]
    assert operation["description"] == "Loads it."
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    params = body["properties"]["params"]
    assert body["required"] == ["params"]
    assert operation["requestBody"]["required"] is True
    assert params["required"] == ["day"]
    assert params["properties"]["rows"]["minimum"] == 1
    links = operation["responses"]["200"]["links"].values()
    assert {link["parameters"]["key"] for link in links} == {"described"}
    parameters = document["components"]["parameters"]
    assert set(parameters["key"]["schema"]["enum"]) >= set(JOBS)
    pattern = parameters["run"]["schema"]["items"]["pattern"]
    assert re.search(pattern, "described:7")
    assert not re.search(pattern, "nothing:7")


def test_document_contains_viewable_jobs_only(make_app: MakeApp) -> None:
    app = make_app(policy=lambda user, action, job: job == "never")
    document = document_of(app)
    assert [path for path in document["paths"] if path.endswith("/run")] == ["/never/run"]
    assert document["components"]["parameters"]["key"]["schema"]["enum"] == ["never"]
    assert "gated" not in str(document)


def test_document_repeats_the_limits_and_names_of_the_code(document: Json) -> None:
    parameters, schemas = document["components"]["parameters"], document["components"]["schemas"]
    [limit] = document["paths"]["/{key}/runs"]["get"]["parameters"]
    assert limit["schema"]["default"] == DEFAULT_LIMIT
    assert f"below {MIN_LIMIT} count as {MIN_LIMIT}" in limit["description"]
    assert f"above {MAX_LIMIT} as {MAX_LIMIT}" in limit["description"]
    assert parameters["run"]["schema"]["maxItems"] == MAX_STREAMED_RUNS
    assert parameters["run_id"]["schema"]["maximum"] == MAX_ID
    assert schemas["NotifiedId"]["anyOf"][0]["maximum"] == MAX_ID
    *_, key = document["paths"]["/described/run"]["post"]["parameters"]
    assert (key["name"], key["schema"]["maxLength"]) == ("Idempotency-Key", MAX_KEY_LENGTH)
    assert schemas["Outcome"]["enum"] == [outcome.value for outcome in Outcome]
    events = [event_type.name or "message" for event_type in EVENT_TYPES]
    assert schemas["StreamEvent"]["properties"]["event"]["enum"] == events


def test_document_numbers_that_need_64_bits_say_so(document: Json) -> None:
    """Generators for Java and other languages take an integer without a format for 32 bits."""

    def integers(schema: Any) -> Iterator[tuple[str, Json]]:
        for name, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
            if isinstance(value, dict) and "integer" in str(value.get("type")):
                yield str(name), value
            if isinstance(value, (dict, list)):
                yield from integers(value)

    names = {
        name for name, value in integers(document["components"]) if value.get("format") != "int64"
    }
    assert not {name for name in names if re.search(r"(?i)id$|at$|time|start|offset$|eta$", name)}
    assert not names & {"duration", "change"}


def test_no_object_of_the_document_looks_empty_to_generators_of_types(document: Json) -> None:
    """To them, an object without properties has none: no member of it can be read or set."""
    words = {"properties", "additionalProperties", "allOf", "anyOf"}
    objects = [each for each in walk(document) if "object" in (each.get("type") or ())]
    assert objects
    assert [each for each in objects if not words & each.keys()] == []


def test_document_describes_the_rows_of_a_sql_file(document: Json) -> None:
    result = {"columns": [{"name": "n"}], "rows": [{"values": [{"string_value": "1"}, {}]}]}
    schema = document["components"]["schemas"]["RunOutput"]
    for name in ("sql_output", "file_output", "query_result"):
        schema = schema["properties"][name]
    assert Draft202012Validator(schema).is_valid(result)
    assert not Draft202012Validator(schema).is_valid({**result, "rows": [["1"]]})


def test_document_describes_what_a_repair_accepts(document: Json) -> None:
    def without_descriptions(schema: Json) -> Json:
        return {
            name: without_descriptions(value) if isinstance(value, dict) else value
            for name, value in schema.items()
            if name != "description"
        }

    documented = without_descriptions(document["components"]["schemas"]["Repair"])
    assert documented == build_json_schema(RepairSchema())


@pytest.mark.parametrize("prefix", ["/api/jobs", "/deep/er", "/"])
def test_document_server_is_the_url_prefix(prefix: str) -> None:
    app = Flask("app")
    LakeflowJobs(app, url_prefix=prefix)
    client = app.test_client()
    document = client.get(f"{prefix.rstrip('/')}/openapi.json").get_json()
    assert document["servers"] == [{"url": prefix}]


@pytest.mark.parametrize(
    ("key", "params", "is_accepted"),
    [
        ("a-notebook", {"a": "x", "b": 1, "c": None}, True),
        ("a-notebook", {"a": {}}, False),
        ("a-spark_jar", {"args": ["x", 1, True]}, True),
        ("a-spark_jar", {"arg": ["x"]}, False),
        ("a-spark_jar", {"args": "x"}, False),
        ("a-dbt", {}, True),
        ("a-dbt", {"a": 1}, False),
        ("a-dbt_commands", {"commands": ["dbt run"]}, True),
        ("a-dbt_commands", {"commands": None, "a": None, "b": None}, True),
        ("a-dbt_commands", {"commands": ["dbt run"], "args": None}, True),
        ("a-dbt_commands", {"commands": ["dbt run"], "args": ["dbt run"]}, False),
        ("a-pipeline", {"full_refresh": True}, True),
        ("a-pipeline", {"refresh_selection": "a"}, False),
        ("a-pipeline", {"full_refresh": "yes"}, False),
        ("a-pipeline", {"other": 1}, False),
        ("described", {"day": "2013-01-01"}, True),
        ("described", {"rows": 0}, False),
        ("ключ", {"notebook_params": {"a": "1"}, "python_params": None}, True),
        ("ключ", {"a": 1}, False),
        ("ключ", {"python_params": [None]}, False),
        ("ключ", {"a": None}, True),
        ("a-spark_jar", {"a": None}, True),
        ("a-pipeline", {"a": None}, True),
        ("ключ", {"python_params": ["ü"]}, False),
        ("ключ", {"pipeline_params": {"full_refresh": "yes"}}, False),
        ("described", None, False),
        ("a-sql", None, True),
    ],
)
def test_document_accepts_the_parameters_that_the_routes_accept(
    make_app: MakeApp,
    fault_proxy: FaultyWorkspace,
    key: str,
    params: Json | None,
    is_accepted: bool,
) -> None:
    fault_proxy.fail(Refusal(403), path="run-now")  # what reaches the workspace was accepted
    app = make_app(jobs=JOBS)
    path = next(path for path in document_of(app)["paths"] if path == _quoted(key))
    operation = document_of(app)["paths"][path]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]

    response = app.test_client().post(f"/api/jobs{path}", json={"params": params})

    assert Draft202012Validator(body).is_valid({"params": params}) is is_accepted
    assert response.status_code == (403 if is_accepted else 400)


def _quoted(key: str) -> str:
    return {"ключ": "/%D0%BA%D0%BB%D1%8E%D1%87/run"}.get(key, f"/{key}/run")


def validate_response(document: Json, path: str, method: str, response: Any) -> None:
    """Check a response against the document."""
    responses = document["paths"][path][method]["responses"]
    documented = responses[str(response.status_code)]
    if "$ref" in documented:
        documented = document["components"]["responses"][documented["$ref"].rpartition("/")[2]]
    if not documented.get("content"):
        assert response.data == b""
        return
    media = documented["content"][response.mimetype]
    if response.is_json or response.mimetype.endswith("+json"):
        schema = {**media["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(response.get_json(force=True))


def test_responses_match_the_document(make_app: MakeApp, run_gate: RunGate) -> None:
    app = make_app()
    document, client = document_of(app), app.test_client()
    with app.app_context():
        run_id = current_jobs["failing"].run_now().run_id
        current_jobs["failing"].wait(run_id)
        looped = current_jobs["repeated"].run_now().run_id
        current_jobs["repeated"].wait(looped)
        going = current_jobs["gated"].run_now(run_gate.params).run_id

    for path, url, method in (
        ("/", "", "get"),
        ("/openapi.json", "openapi.json", "get"),
        ("/lakeflow.js", "lakeflow.js", "get"),
        ("/{key}", "never", "get"),
        ("/{key}", "nothing", "get"),
        ("/never/run", "never/run", "post"),
        ("/never/run", "never/run?stream=true", "post"),
        ("/never/run", "never/run?stream=maybe", "post"),
        ("/{key}/runs", "failing/runs", "get"),
        ("/runs", "runs?job=failing", "get"),
        ("/runs", "runs?from=yesterday", "get"),
        ("/{key}/status", "failing/status", "get"),
        ("/{key}/status", "script/status", "get"),
        ("/{key}/runs/{run_id}", f"failing/runs/{run_id}", "get"),
        ("/{key}/runs/{run_id}", f"quick/runs/{run_id}", "get"),
        ("/{key}/runs/{run_id}", "failing/runs/zero", "get"),
        ("/{key}/runs/{run_id}/actions", f"failing/runs/{run_id}/actions", "get"),
        ("/{key}/runs/{run_id}/explain", f"failing/runs/{run_id}/explain", "get"),
        ("/{key}/runs/{run_id}/output", f"failing/runs/{run_id}/output", "get"),
        ("/{key}/runs/{run_id}/logs", f"failing/runs/{run_id}/logs?task=broken", "get"),
        ("/{key}/runs/{run_id}/logs", f"failing/runs/{run_id}/logs", "get"),
        ("/{key}/runs/{run_id}/iterations", f"repeated/runs/{looped}/iterations?task=loop", "get"),
        ("/{key}/runs/{run_id}/stream", f"failing/runs/{run_id}/stream", "get"),
        ("/{key}/runs/{run_id}/repair", f"failing/runs/{run_id}/repair", "post"),
        ("/{key}/runs/{run_id}/repair", f"gated/runs/{going}/repair", "post"),
        ("/stream", f"stream?run=gated:{going}&poll=true", "get"),
        ("/stream", "stream", "get"),
        ("/{key}/runs/{run_id}", f"gated/runs/{going}", "delete"),
    ):
        response = client.open(f"/api/jobs/{url}", method=method.upper())
        validate_response(document, path, method, response)
