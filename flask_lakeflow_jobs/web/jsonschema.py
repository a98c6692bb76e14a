"""The JSON Schema of a marshmallow schema, for forms and for people. Pure."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from marshmallow import missing as absent

from ..params import as_text

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


def json_schema(schema: Schema) -> dict[str, Any]:
    """Describe what a schema takes; what cannot be described is left open, never an error.

    :param schema: a job's.
    """
    taken = schema.load_fields
    document: dict[str, Any] = {
        "type": "object",
        "properties": {
            field.data_key or name: _describe(field)
            for name, field in taken.items()
            if not field.dump_only
        },
        "additionalProperties": schema.unknown != "raise",
    }
    required = [field.data_key or name for name, field in taken.items() if field.required]
    if required:
        document["required"] = required
    return document


def _describe(field: fields.Field[Any]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for cls in type(field).__mro__:
        if cls in TYPES:
            described |= TYPES[cls]
            break
    if isinstance(field, fields.List):
        described["items"] = _describe(field.inner)
    if isinstance(field, fields.Nested):
        described |= json_schema(field.schema)
    if isinstance(field, fields.Enum):
        described["enum"] = [
            item.name if field.by_value is False else item.value for item in field.enum
        ]
    for validator in field.validators:
        described |= _limits(validator, described.get("type"))
    if field.allow_none and "type" in described:
        described["type"] = [described["type"], "null"]
    default = field.load_default
    if default is not absent and not callable(default):
        plain = default if isinstance(default, bool | int | float | str) else as_text(default)
        if plain is not None:
            described["default"] = plain
    for name in ("title", "description"):
        if isinstance(field.metadata.get(name), str):
            described[name] = field.metadata[name]
    return described


def _limits(validator: object, kind: object) -> dict[str, Any]:
    if isinstance(validator, validate.Range):
        return _ranged(validator) if kind in ("integer", "number") else {}
    if isinstance(validator, validate.Length):
        low, high = validator.min, validator.max
        if validator.equal is not None:
            low = high = validator.equal
        suffix = "Items" if kind == "array" else "Length"
        return _present({f"min{suffix}": low, f"max{suffix}": high})
    if isinstance(validator, validate.OneOf):
        return (
            {"enum": [as_text(choice) for choice in validator.choices]}
            if kind
            not in (
                "integer",
                "number",
            )
            else {"enum": list(validator.choices)}
        )
    if isinstance(validator, validate.Regexp):
        return {"pattern": validator.regex.pattern}
    return {}


def _ranged(validator: validate.Range) -> dict[str, Any]:
    low = "minimum" if validator.min_inclusive else "exclusiveMinimum"
    high = "maximum" if validator.max_inclusive else "exclusiveMaximum"
    return _present({low: validator.min, high: validator.max})


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
