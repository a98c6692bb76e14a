"""Jobs described for programs, forms and people, their parameters as JSON Schema. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum
from typing import Any

from marshmallow import Schema, fields, validate
from marshmallow import missing as absent

from .params import (
    ASCII_FIELDS,
    LIST_NAMES,
    PIPELINE_FLAGS,
    PIPELINE_LISTS,
    RUN_NOW_FIELDS,
    as_text,
)

#: Field class → JSON Schema; a field's own class comes first, then its bases.
TYPES: dict[type[fields.Field[Any]], dict[str, Any]] = {
    fields.AwareDateTime: {"type": "string", "format": "date-time"},
    fields.Boolean: {"type": "boolean"},
    fields.Date: {"type": "string", "format": "date"},
    fields.DateTime: {"type": "string", "format": "date-time"},
    fields.Decimal: {"type": "number"},
    fields.Dict: {"type": "object"},
    fields.Email: {"type": "string", "format": "email"},
    fields.Float: {"type": "number"},
    fields.Integer: {"type": "integer"},
    fields.List: {"type": "array"},
    fields.String: {"type": "string"},
    fields.Time: {"type": "string", "format": "time"},
    fields.Url: {"type": "string", "format": "uri"},
    fields.UUID: {"type": "string", "format": "uuid"},
}

#: What can be passed as text.
SCALARS = ["string", "number", "boolean"]

ASCII = "^[\\u0000-\\u007f]*$"


def build_json_schema(schema: Schema) -> dict[str, Any]:
    """Describe what a schema takes; what cannot be described is left open, never an error.

    :param schema: a job's.
    """
    return _object(schema, inside=())


def build_params_schema(schema: Schema | None, task_type: str | None) -> dict[str, Any]:
    """Describe the parameters of a job: by its schema, else by where its task type puts them.

    :param task_type: ``None`` leaves the placement to the caller: run-now's own fields.
    """
    if schema is not None:
        return build_json_schema(schema)
    if task_type is None:
        return _or_nothing({name: _or_null(_run_now_field(name)) for name in RUN_NOW_FIELDS})
    if task_type == "dbt":
        return _or_nothing({})
    if task_type == "pipeline":
        return _run_now_field("pipeline_params")
    if task_type in LIST_NAMES:
        field, names = LIST_NAMES[task_type]
        taken = _or_null(_run_now_field(field))
        if len(names) == 1:
            return _or_nothing({names[0]: taken})
        return {"type": "object", "anyOf": [_or_nothing({name: taken}) for name in names]}
    return _run_now_field("job_parameters")  # like all the other maps


def _run_now_field(name: str) -> dict[str, Any]:
    if name == "pipeline_params":
        flag, names = {"type": "boolean"}, {"type": "array", "items": {"type": "string"}}
        return _or_nothing(
            {name: _or_null(flag) for name in sorted(PIPELINE_FLAGS)}
            | {name: _or_null(names) for name in sorted(PIPELINE_LISTS)}
        )
    if RUN_NOW_FIELDS[name] is dict:
        return {"type": "object", "additionalProperties": {"type": [*SCALARS, "null"]}}
    item: dict[str, Any] = {"type": SCALARS}
    if name in ASCII_FIELDS:
        item["pattern"] = ASCII
    return {"type": "array", "items": item}


def _or_null(described: dict[str, Any]) -> dict[str, Any]:
    return {**described, "type": [described["type"], "null"]}


def _or_nothing(properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that has these members at most; what is null counts as not there."""
    return {"type": "object", "properties": properties, "additionalProperties": {"type": "null"}}


def _object(schema: Schema, inside: tuple[type[Schema], ...]) -> dict[str, Any]:
    inside = (*inside, type(schema))
    taken = {field.data_key or name: field for name, field in schema.load_fields.items()}
    document: dict[str, Any] = {
        "type": "object",
        "properties": {name: _describe(field, inside) for name, field in taken.items()},
        "additionalProperties": schema.unknown != "raise",
    }
    required = [name for name, field in taken.items() if field.required]
    if required:
        document["required"] = required
    return document


def _describe(field: fields.Field[Any], inside: tuple[type[Schema], ...]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for cls in type(field).__mro__:
        if cls in TYPES:
            described |= TYPES[cls]
            break
    if isinstance(field, fields.List):
        described["items"] = _describe(field.inner, inside)
    if isinstance(field, fields.Dict) and field.value_field is not None:
        described["additionalProperties"] = _describe(field.value_field, inside)
    if type(field) is fields.Nested:
        described |= _nested(field, inside)
    if isinstance(field, fields.Enum):
        described |= _choices([_as_sent(item, field) for item in field.enum])
    for validator in field.validators:
        described |= _limits(validator, described.get("type"))
    if field.allow_none and "type" in described:
        described["type"] = [described["type"], "null"]
    if field.allow_none and "enum" in described:
        described["enum"] = [*described["enum"], None]
    default = field.load_default
    if default is not absent and not callable(default):
        described |= _present({"default": _as_sent(default, field)})
    for name in ("title", "description"):
        if isinstance(field.metadata.get(name), str):
            described[name] = field.metadata[name]
    return described


def _nested(field: fields.Nested, inside: tuple[type[Schema], ...]) -> dict[str, Any]:
    try:
        schema = field.schema
    except Exception:  # it is named, and no schema has that name
        return {}
    is_recursive = type(schema) in inside
    described = {"type": "object"} if is_recursive else _object(schema, inside)
    return {"type": "array", "items": described} if field.many else described


def _limits(validator: object, kind: object) -> dict[str, Any]:
    if isinstance(validator, validate.Range):
        return _ranged(validator) if kind in ("integer", "number") else {}
    if isinstance(validator, validate.Length):
        low, high = validator.min, validator.max
        if validator.equal is not None:
            low = high = validator.equal
        suffix = {"array": "Items", "object": "Properties"}.get(str(kind), "Length")
        return _present({f"min{suffix}": low, f"max{suffix}": high})
    if isinstance(validator, validate.OneOf):
        return _choices([_plain(choice) for choice in validator.choices])
    if isinstance(validator, validate.Regexp):
        return {"pattern": validator.regex.pattern}
    return {}


def _ranged(validator: validate.Range) -> dict[str, Any]:
    low = "minimum" if validator.min_inclusive else "exclusiveMinimum"
    high = "maximum" if validator.max_inclusive else "exclusiveMaximum"
    return _present({low: _plain(validator.min), high: _plain(validator.max)})


def _choices(values: list[Any]) -> dict[str, Any]:
    return {} if None in values else {"enum": values}


def _as_sent(value: Any, field: fields.Field[Any]) -> Any:
    """A loaded value as a caller would send it; ``None`` where that is not known."""
    if isinstance(field, fields.Enum) and isinstance(value, Enum):
        if field.by_value is False:
            return value.name
        return value.value if isinstance(value.value, bool | int | str) else None
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it; ``None`` where JSON has none."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str) else as_text(value)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
