"""The parameters of a job as JSON Schema. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum
from typing import Any

from marshmallow import Schema, fields, validate

from ..text import format_value
from .params import accepted_fields
from .redaction import has_secret, secret_overrides
from .run_now_fields import (
    ASCII_FIELDS,
    LIST_NAMES,
    PIPELINE_FLAGS,
    PIPELINE_LISTS,
    RUN_NOW_FIELDS,
    format_param,
)

#: Field class → JSON Schema. The class of a field takes precedence over its bases.
FIELD_TYPES: dict[type[fields.Field[Any]], dict[str, Any]] = {
    fields.AwareDateTime: {"type": "string", "format": "date-time"},
    fields.Boolean: {"type": "boolean"},
    fields.Date: {"type": "string", "format": "date"},
    fields.DateTime: {"type": "string", "format": "date-time"},
    fields.Decimal: {"type": "number"},
    fields.Dict: {"type": "object", "additionalProperties": True},
    fields.Email: {"type": "string", "format": "email"},
    fields.Float: {"type": "number"},
    fields.Integer: {"type": "integer"},
    fields.List: {"type": "array"},
    fields.String: {"type": "string"},
    fields.Time: {"type": "string", "format": "time"},
    fields.Url: {"type": "string", "format": "uri"},
    fields.UUID: {"type": "string", "format": "uuid"},
}

#: Types that can be sent as text.
SCALAR_TYPES = ["string", "number", "boolean"]

ASCII_PATTERN = "^[\\u0000-\\u007f]*$"


class SelfDescribed(Schema):
    """A schema that knows its JSON Schema itself."""

    def describe(self) -> dict[str, Any]:
        """Describe what the schema accepts."""
        raise NotImplementedError


def build_json_schema(schema: Schema) -> dict[str, Any]:
    """Describe what a schema accepts. Rules that JSON Schema cannot express are left out."""
    if isinstance(schema, SelfDescribed):
        document = schema.describe()
        return {**document, "properties": _without_secrets(document["properties"], schema)}
    return _describe_schema(schema, parents=())


def build_params_schema(schema: Schema | None, task_type: str | None) -> dict[str, Any]:
    """Describe the parameters of a job by its schema or, without one, by its task type.

    :param task_type: ``None``: the fields of run-now.
    """
    if schema is not None:
        return build_json_schema(schema)
    if task_type is None:
        return _describe_object(
            {name: _allow_null(_describe_run_now_field(name)) for name in RUN_NOW_FIELDS}
        )
    if task_type == "dbt":
        return _describe_object({})
    if task_type == "pipeline":
        return _describe_run_now_field("pipeline_params")
    if task_type in LIST_NAMES:
        field, names = LIST_NAMES[task_type]
        items = _allow_null(_describe_run_now_field(field))
        if len(names) == 1:
            return _describe_object({names[0]: items})
        return {"type": "object", "anyOf": [_describe_object({name: items}) for name in names]}
    return _describe_run_now_field("job_parameters")  # as for all task types with named parameters


def _describe_run_now_field(name: str) -> dict[str, Any]:
    if name == "pipeline_params":
        flag, names = {"type": "boolean"}, {"type": "array", "items": {"type": "string"}}
        return _describe_object(
            {name: _allow_null(flag) for name in sorted(PIPELINE_FLAGS)}
            | {name: _allow_null(names) for name in sorted(PIPELINE_LISTS)}
        )
    if RUN_NOW_FIELDS[name] is dict:
        return {"type": "object", "additionalProperties": {"type": [*SCALAR_TYPES, "null"]}}
    item: dict[str, Any] = {"type": SCALAR_TYPES}
    if name in ASCII_FIELDS:
        item["pattern"] = ASCII_PATTERN
    return {"type": "array", "items": item}


def _allow_null(json_schema: dict[str, Any]) -> dict[str, Any]:
    return {**json_schema, "type": [json_schema["type"], "null"]}


def _describe_object(properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object with only these members. A null member counts as absent."""
    return {"type": "object", "properties": properties, "additionalProperties": {"type": "null"}}


def _describe_schema(schema: Schema, parents: tuple[type[Schema], ...]) -> dict[str, Any]:
    parents = (*parents, type(schema))
    accepted = accepted_fields(schema)
    described = {name: _describe_field(field, parents) for name, field in accepted.items()}
    document: dict[str, Any] = {
        "type": "object",
        "properties": _without_secrets(described, schema),
        "additionalProperties": schema.unknown != "raise",
    }
    required = [name for name, field in accepted.items() if field.required]
    if required:
        document["required"] = required
    return document


def _without_secrets(properties: dict[str, dict[str, Any]], schema: Schema) -> dict[str, Any]:
    """Return the properties of a schema without the defaults of secrets."""
    overrides = secret_overrides(schema)
    return {
        name: {
            key: value
            for key, value in described.items()
            if key != "default" or not has_secret(name, format_value(value), overrides)
        }
        for name, described in properties.items()
    }


def _describe_field(field: fields.Field[Any], parents: tuple[type[Schema], ...]) -> dict[str, Any]:
    json_schema: dict[str, Any] = {}
    for cls in type(field).__mro__:
        if cls in FIELD_TYPES:
            json_schema |= FIELD_TYPES[cls]
            break
    if isinstance(field, fields.List):
        json_schema["items"] = _describe_field(field.inner, parents)
    if isinstance(field, fields.Dict) and field.value_field is not None:
        json_schema["additionalProperties"] = _describe_field(field.value_field, parents)
    if type(field) is fields.Nested:
        json_schema |= _describe_nested(field, parents)
    if isinstance(field, fields.Enum):
        json_schema |= _describe_choices([_serialize(item, field) for item in field.enum])
    for validator in field.validators:
        json_schema |= _describe_validator(validator, json_schema.get("type"))
    if field.allow_none and "type" in json_schema:
        json_schema["type"] = [json_schema["type"], "null"]
    if field.allow_none and "enum" in json_schema:
        json_schema["enum"] = [*json_schema["enum"], None]
    json_schema |= _present({"default": _serialize(field.load_default, field)})
    for name in ("title", "description"):
        if (text := field.metadata.get(name)) is not None:
            json_schema[name] = str(text)  # it may be a lazy translation
    return json_schema


def _describe_nested(field: fields.Nested, parents: tuple[type[Schema], ...]) -> dict[str, Any]:
    try:
        schema = field.schema
    except Exception:  # its name is not that of a schema
        return {}
    is_recursive = type(schema) in parents
    json_schema = {"type": "object"} if is_recursive else _describe_schema(schema, parents)
    return {"type": "array", "items": json_schema} if field.many else json_schema


def _describe_validator(validator: object, kind: object) -> dict[str, Any]:
    if isinstance(validator, validate.Range):
        return _describe_range(validator) if kind in ("integer", "number") else {}
    if isinstance(validator, validate.Length):
        low, high = validator.min, validator.max
        if validator.equal is not None:
            low = high = validator.equal
        suffix = {"array": "Items", "object": "Properties"}.get(str(kind), "Length")
        return _present({f"min{suffix}": low, f"max{suffix}": high})
    if isinstance(validator, validate.OneOf):
        return _describe_choices([_to_json(choice) for choice in validator.choices])
    if isinstance(validator, validate.Regexp):
        return {"pattern": validator.regex.pattern}
    return {}


def _describe_range(validator: validate.Range) -> dict[str, Any]:
    low = "minimum" if validator.min_inclusive else "exclusiveMinimum"
    high = "maximum" if validator.max_inclusive else "exclusiveMaximum"
    return _present({low: _to_json(validator.min), high: _to_json(validator.max)})


def _describe_choices(values: list[Any]) -> dict[str, Any]:
    return {} if None in values else {"enum": values}


def _serialize(value: Any, field: fields.Field[Any]) -> Any:
    """Return a deserialized value as a caller would send it; ``None`` if unknown or missing."""
    if isinstance(field, fields.Enum) and isinstance(value, Enum):
        if field.by_value is False:
            return value.name
        return value.value if isinstance(value.value, int | str) else None
    return _to_json(value)


def _to_json(value: Any) -> Any:
    """Return a value for JSON; ``None`` if JSON cannot represent it."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str) else format_param(value)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
