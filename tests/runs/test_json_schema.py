"""The JSON Schema of what a job takes: right where it can be, open where not, never an error."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
from typing import Any

import pytest
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs.runs.json_schema import build_json_schema


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Odd(enum.Enum):
    DAY = dt.date(2025, 1, 1)


class Tree(Schema):
    name = fields.String()
    kids = fields.List(fields.Nested(lambda: Tree()))


class Point(Schema):
    x = fields.Integer(required=True)


class Translation:
    """A text that is translated when it is shown, as Flask-Babel's."""

    def __str__(self) -> str:
        return "T"


class Own(fields.Raw):
    """A custom field."""


def describe(**schema_fields: Any) -> dict[str, Any]:
    document = build_json_schema(Schema.from_dict(schema_fields)())
    return dict(json.loads(json.dumps(document, allow_nan=False)))


def describe_field(tested_field: Any) -> Any:
    return describe(it=tested_field)["properties"]["it"]


@pytest.mark.parametrize(
    ("tested_field", "expected"),
    [
        (fields.String(), {"type": "string"}),
        (fields.Integer(), {"type": "integer"}),
        (fields.Float(), {"type": "number"}),
        (fields.Decimal(), {"type": "number"}),
        (fields.Boolean(), {"type": "boolean"}),
        (fields.Date(), {"type": "string", "format": "date"}),
        (fields.DateTime(), {"type": "string", "format": "date-time"}),
        (fields.AwareDateTime(), {"type": "string", "format": "date-time"}),
        (fields.Time(), {"type": "string", "format": "time"}),
        (fields.UUID(), {"type": "string", "format": "uuid"}),
        (fields.Email(), {"type": "string", "format": "email"}),
        (fields.Url(), {"type": "string", "format": "uri"}),
        (fields.Dict(), {"type": "object", "additionalProperties": True}),
        (fields.List(fields.Integer()), {"type": "array", "items": {"type": "integer"}}),
        (fields.Enum(Color), {"enum": ["RED", "BLUE"]}),
        (fields.Enum(Color, by_value=True), {"enum": ["red", "blue"]}),
        (fields.Integer(allow_none=True), {"type": ["integer", "null"]}),
        (fields.Enum(Color, allow_none=True), {"enum": ["RED", "BLUE", None]}),
        (
            fields.Dict(values=fields.Integer()),
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
        (Own(), {}),
    ],
)
def test_build_json_schema_describes_each_kind_of_field(
    tested_field: Any, expected: dict[str, Any]
) -> None:
    assert describe_field(tested_field) == expected


@pytest.mark.parametrize(
    ("tested_field", "expected"),
    [
        (fields.Integer(validate=validate.Range(1, 9)), {"minimum": 1, "maximum": 9}),
        (
            fields.Float(validate=validate.Range(0, 1, min_inclusive=False, max_inclusive=False)),
            {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ),
        (fields.Integer(validate=validate.Range(min=0)), {"minimum": 0}),
        (
            fields.Decimal(validate=validate.Range(decimal.Decimal("0.5"), decimal.Decimal(2))),
            {"minimum": 0.5, "maximum": 2},
        ),
        (fields.String(validate=validate.Length(2, 5)), {"minLength": 2, "maxLength": 5}),
        (fields.String(validate=validate.Length(equal=3)), {"minLength": 3, "maxLength": 3}),
        (
            fields.List(fields.String(), validate=validate.Length(max=2)),
            {"items": {"type": "string"}, "maxItems": 2},
        ),
        (
            fields.Dict(validate=validate.Length(max=2)),
            {"additionalProperties": True, "maxProperties": 2},
        ),
        (fields.Date(validate=validate.Range(min=dt.date(2025, 1, 1))), {"format": "date"}),
        (fields.String(validate=validate.OneOf(["a", "b"])), {"enum": ["a", "b"]}),
        (fields.Raw(validate=validate.OneOf([object()])), {}),
        (fields.Integer(validate=validate.OneOf([1, 2])), {"enum": [1, 2]}),
        (
            fields.Date(validate=validate.OneOf([dt.date(2025, 1, 1)])),
            {"format": "date", "enum": ["2025-01-01"]},
        ),
        (
            fields.String(allow_none=True, validate=validate.OneOf(["a"])),
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (fields.String(validate=validate.Regexp(r"^[a-z]+$")), {"pattern": "^[a-z]+$"}),
        (
            fields.Integer(validate=[validate.Range(min=1), validate.Range(max=9)]),
            {"minimum": 1, "maximum": 9},
        ),
        (fields.Integer(load_default=5), {"default": 5}),
        (fields.Boolean(load_default=False), {"default": False}),
        (
            fields.Date(load_default=dt.date(2025, 1, 1)),
            {"format": "date", "default": "2025-01-01"},
        ),
        (fields.Integer(load_default=lambda: 5), {}),
        (fields.Enum(Color, load_default=Color.RED), {"enum": ["RED", "BLUE"], "default": "RED"}),
        (fields.Enum(Color, load_default="RED"), {"enum": ["RED", "BLUE"], "default": "RED"}),
        (fields.Raw(load_default=Color.RED), {"default": "red"}),
        (
            fields.String(metadata={"title": Translation(), "description": "D", "x": object()}),
            {"title": "T", "description": "D"},
        ),
    ],
)
def test_build_json_schema_describes_validators_and_metadata(
    tested_field: Any, expected: dict[str, Any]
) -> None:
    description = describe_field(tested_field)
    assert {
        name: value for name, value in description.items() if name != "type" or name in expected
    } == expected


@pytest.mark.parametrize(
    "tested_field",
    [
        fields.Nested("NoSuchSchema"),
        fields.Enum(Odd, by_value=fields.Date),
        fields.Enum(Odd, by_value=True),
        fields.Float(allow_nan=True, validate=validate.Range(max=float("inf"))),
        fields.Float(allow_nan=True, load_default=float("nan")),
        fields.Raw(load_default=object()),
        fields.Dict(load_default={"a": 1}),
        fields.Raw(validate=validate.OneOf([object()])),
        fields.Date(validate=validate.Range(min=dt.date(2025, 1, 1))),
        fields.Integer(validate=lambda value: value > 0),
        fields.Tuple((fields.Integer(), fields.String())),
        fields.Constant(5),
        fields.Pluck(Point, "x"),
        fields.List(fields.Nested(Tree)),
    ],
)
def test_build_json_schema_leaves_unknown_fields_open(tested_field: Any) -> None:
    assert set(describe(it=tested_field, other=fields.Integer())["properties"]) == {"it", "other"}


def test_build_json_schema_ignores_schema_hooks() -> None:
    class Transforming(Schema):
        day = fields.Function(deserialize=lambda text: dt.date.fromisoformat(text))
        span = fields.TimeDelta()
        n = fields.Integer()

    document = build_json_schema(Transforming())
    json.dumps(document)
    assert document["properties"]["n"] == {"type": "integer"}


def test_build_json_schema_describes_nested_schemas() -> None:
    point = {
        "type": "object",
        "properties": {"x": {"type": "integer"}},
        "additionalProperties": False,
        "required": ["x"],
    }
    assert describe_field(fields.Nested(Point)) == point
    assert describe_field(fields.Nested(Point, many=True)) == {"type": "array", "items": point}


def test_build_json_schema_describes_recursive_schema_once() -> None:
    assert describe_field(fields.Nested(Tree))["properties"] == {
        "name": {"type": "string"},
        "kids": {"type": "array", "items": {"type": "object"}},
    }


def test_build_json_schema_has_no_defaults_of_secrets() -> None:
    class Login(Schema):
        user = fields.String(load_default="anna")
        password = fields.String(load_default="hunter2")

    document = describe(
        api_key=fields.String(load_default="hunter2", data_key="apiKey"),
        pin=fields.Integer(load_default=4711, metadata={"secret": True}),
        max_tokens=fields.Integer(load_default=5, metadata={"secret": False}),
        login=fields.Nested(Login),
        account=fields.Dict(load_default={"token": "hunter2"}),
    )
    assert document["properties"] == {
        "apiKey": {"type": "string"},
        "pin": {"type": "integer"},
        "max_tokens": {"type": "integer", "default": 5},
        "login": {
            "type": "object",
            "properties": {
                "user": {"type": "string", "default": "anna"},
                "password": {"type": "string"},
            },
            "additionalProperties": False,
        },
        "account": {"type": "object", "additionalProperties": True},
    }


def test_build_json_schema_uses_data_keys() -> None:
    document = describe(
        start=fields.Date(required=True, data_key="startDate"),
        end=fields.Date(),
        seen=fields.Date(dump_only=True),
    )
    assert set(document["properties"]) == {"startDate", "end"}
    assert document["required"] == ["startDate"]


def test_build_json_schema_reflects_unknown_option() -> None:
    assert build_json_schema(Point())["additionalProperties"] is False
    assert build_json_schema(Point(unknown="include"))["additionalProperties"] is True
    assert build_json_schema(Point(unknown="exclude"))["additionalProperties"] is True
