"""What the OpenAPI document is put together from: operations, parameters, answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from marshmallow import Schema

from ..runs.params_schema import build_json_schema
from .problems import PROBLEM_JSON
from .schemas import (
    EventSchema,
    JobSchema,
    JobsSchema,
    ProblemSchema,
    RepairedSchema,
    RepairSchema,
    RunSchema,
    RunsSchema,
    StatusSchema,
    TriggeredSchema,
)
from .sse.format import EVENT_STREAM, EVENT_TYPES

Json: TypeAlias = dict[str, Any]

SCHEMAS: tuple[type[Schema], ...] = (
    EventSchema,
    JobSchema,
    JobsSchema,
    ProblemSchema,
    RepairedSchema,
    RepairSchema,
    RunSchema,
    RunsSchema,
    StatusSchema,
    TriggeredSchema,
)

#: Every status that a problem document may have, and why.
PROBLEMS = {
    400: "The request cannot be read, or the job does not take the parameters.",
    401: (
        "The job runs as its users, and the request carries no token that the workspace accepts;"
        " or a notification carries no login that the app accepts."
    ),
    403: "The app's policy, the workspace, or the request's coming from another site forbids it.",
    404: "The app has no such job, or the job no such run.",
    409: "Not in this state; or the idempotency key was used with other parameters.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "The workspace's rate limit is used up.",
    500: "The app is not set up for it.",
    502: "The workspace failed, or does not accept the app's credentials.",
    503: "The workspace is unavailable.",
    504: "The workspace did not answer in time.",
}

RETRY_AFTER = {429, 503}


def components() -> Json:
    """What operations refer to."""
    return {
        "schemas": {_name(schema): build_json_schema(schema()) for schema in SCHEMAS},
        "responses": {str(status): _problem(status) for status in PROBLEMS},
    }


def ref(schema: type[Schema]) -> Json:
    """A reference to one of the schemas.

    :param schema: it.
    """
    return {"$ref": f"#/components/schemas/{_name(schema)}"}


def _name(schema: type[Schema]) -> str:
    return schema.__name__.removesuffix("Schema")


def _problem(status: int) -> Json:
    answer: Json = {
        "description": PROBLEMS[status],
        "content": {PROBLEM_JSON: {"schema": ref(ProblemSchema)}},
    }
    if status in RETRY_AFTER:
        answer["headers"] = {
            "Retry-After": {
                "description": "Seconds after which another try makes sense.",
                "schema": {"type": "integer"},
            }
        }
    return answer


def operation(
    name: str,
    summary: str,
    responses: Json,
    problems: Iterable[int] = (),
    *,
    parameters: Sequence[Json] = (),
    body: Json | None = None,
) -> Json:
    """What one method does on one path.

    :param name: the operation's id.
    :param summary: in a few words.
    :param answers: by status, where all goes well.
    :param problems: the statuses of those that tell what went wrong.
    :param parameters: of query and headers; those of the path stand at the path.
    :param body: the schema of what is sent as JSON, if anything is.
    """
    refused = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(problems)
    }
    told: Json = {"operationId": name, "summary": summary, "responses": {**responses, **refused}}
    if parameters:
        told["parameters"] = list(parameters)
    if body is not None:
        told["requestBody"] = {
            "content": {"application/json": {"schema": body}},
            "required": "required" in body,
        }
    return told


def parameter(
    name: str, description: str, schema: Json, where: str, *, required: bool = False
) -> Json:
    """What may be said beside the body.

    :param name: its name.
    :param description: what it means.
    :param schema: of its value.
    :param where: ``query`` or ``header``.
    :param required: whether it must be said.
    """
    told = {"name": name, "in": where, "description": description, "schema": schema}
    return {**told, "required": True} if required else told


def closed(properties: Json) -> Json:
    """The schema of an object with no other members.

    :param properties: the schemas of those it may have.
    """
    return {"type": "object", "properties": properties, "additionalProperties": False}


def given(schema: type[Schema], headers: Json | None = None) -> Json:
    """The answer 200 with JSON.

    :param schema: of the JSON.
    :param headers: that come with it, by name.
    """
    return content(ref(schema), headers=headers)


def content(
    schema: Json, media_type: str = "application/json", headers: Json | None = None
) -> Json:
    """The answer 200 with content.

    :param schema: of the content.
    :param media_type: of the content.
    :param headers: that come with it, by name.
    """
    answer: Json = {"description": "OK", "content": {media_type: {"schema": schema}}}
    if headers:
        answer["headers"] = headers
    return {"200": answer}


def events() -> Json:
    """The answers that are a stream, or its end."""
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"anyOf": [ref(EventSchema), ref(ProblemSchema)]},
    }
    event = {
        "type": "object",
        "description": "One event, its `data` JSON; one without a name is a state of a run.",
        "properties": {
            "id": {"type": "string", "description": "Names the state."},
            "event": {"enum": [each.name or "message" for each in EVENT_TYPES]},
            "data": data,
        },
        "required": ["data"],
    }
    return {
        **content(event, EVENT_STREAM),
        "204": {"description": "The client has seen the last event."},
    }
