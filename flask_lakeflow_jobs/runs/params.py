"""The parameters that a caller passes, checked by the schema of the job. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError
from marshmallow import missing as absent
from marshmallow.exceptions import SCHEMA
from marshmallow.fields import Date, Field
from marshmallow.utils import get_value

from ..errors import ConfigurationError, InvalidParameters, quote
from ..text import HALF_CHARACTER, HALF_CHARACTER_MESSAGE


def accepted_fields(schema: Schema) -> dict[str, Field[Any]]:
    """Return the fields of a schema by the names that callers use."""
    return {field.data_key or name: field for name, field in schema.load_fields.items()}


def validate_params(
    schema: Schema | None, params: Mapping[str, Any] | None, *, partial: bool = False
) -> dict[str, Any]:
    """Return deserialized parameters under the names that the caller used.

    The schema's defaults and transformations apply. A field with a ``data_key`` keeps that name,
    because the job sees the same names as the caller.

    :param partial: only some parameters are given: none is required, and no default applies.
    :raises InvalidParameters: the schema does not accept the parameters (with its messages by
        field), or they are not a mapping of names.
    :raises ConfigurationError: the schema deserializes to an object without one of the parameters.
    """
    params = _check_texts(params)
    if schema is None or (partial and not params):
        return params
    try:
        loaded = schema.load(params, partial=partial or None)
    except ValidationError as error:
        raise InvalidParameters(
            f"The job does not accept these parameters. {_summarize_messages(error.messages_dict)}",
            error.messages_dict,
        ) from error
    except OverflowError as error:  # of fields that compute with a number: DateTime, TimeDelta
        raise InvalidParameters(
            "The job does not accept these parameters. A number is too large."
        ) from error
    except (TypeError, LookupError, AttributeError) as error:
        if not partial:
            raise
        raise InvalidParameters(  # a hook of the schema expects all of them
            "The schema of the job cannot check some of its parameters alone. Pass all of them."
        ) from error
    values = _by_data_key(schema, loaded)
    _check_dates(schema, params, values)
    if isinstance(loaded, Mapping):
        attributes = {
            (field.attribute or name).split(".")[0] for name, field in schema.load_fields.items()
        }
        values |= {name: value for name, value in loaded.items() if name not in attributes}
    else:
        _check_nothing_lost(schema, loaded, params, values)
    return values


def find_computed(
    schema: Schema | None, params: Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> set[str]:
    """Return the names of parameters that a schema adds by itself, such as a time or an id.

    They may differ each time. Defaults that are plain values are not among them. If the schema
    gives one of the caller's parameters another name, none is known.

    :param fields: the fields of run-now, with the parameters that the schema has returned.
    """
    given = {name for name, value in (params or {}).items() if value is not None}
    sent = {name for each in fields.values() if isinstance(each, Mapping) for name in each}
    if schema is None or not given <= sent:
        return set()
    plain = {
        name
        for name, field in accepted_fields(schema).items()
        if field.load_default is not absent and not callable(field.load_default)
    }
    return sent - given - plain


def _by_data_key(schema: Schema, loaded: object) -> dict[str, Any]:
    """Return the values of a schema's fields in a deserialized object, by the callers' names."""
    values = {
        field.data_key or name: get_value(loaded, field.attribute or name, default=absent)
        for name, field in schema.load_fields.items()
    }
    return {name: value for name, value in values.items() if value is not absent}


def _check_dates(schema: Schema, params: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse a ``datetime`` for a field that is a date: marshmallow loads it as it is."""
    names = [name for name, field in accepted_fields(schema).items() if type(field) is Date]
    given = [name for name in names if isinstance(params.get(name), dt.datetime)]
    if unchanged := [name for name in given if values.get(name) is params[name]]:
        raise InvalidParameters.by_name(dict.fromkeys(unchanged, "Not a valid date."))


def _check_nothing_lost(
    schema: Schema, loaded: object, params: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    if lost := sorted((accepted_fields(schema).keys() & params.keys()) - values.keys()):
        raise ConfigurationError(
            f"{type(schema).__name__} deserializes to a {type(loaded).__name__} without"
            f" {', '.join(lost)}, so the job would not receive it. Deserialize to a dict, or to an"
            " object with an attribute of that name."
        )


def _check_texts(params: object) -> dict[str, Any]:
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise InvalidParameters(
            f"The parameters must be a mapping of names to values, not {type(params).__name__}."
        )
    if others := [quote(name) for name in params if not isinstance(name, str)]:
        raise InvalidParameters.by_name(dict.fromkeys(others, "Must be text."))
    if halved := [
        name.encode(errors="backslashreplace").decode()
        for name, value in params.items()
        if any(HALF_CHARACTER.search(text) for text in _texts_of([name, value]))
    ]:
        raise InvalidParameters.by_name(dict.fromkeys(halved, HALF_CHARACTER_MESSAGE))
    # A member of an enumeration of texts counts as its value, not as its name.
    return {"".join(name): value for name, value in params.items()}


def _texts_of(value: object) -> Iterator[str]:
    """Yield the texts in a value, at any depth."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            rest += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            rest += item


def _summarize_messages(messages: Mapping[str, Any]) -> str:
    """Return the first message of each field, in one line."""
    first: dict[str, str] = {}
    for path, message in flatten_messages(messages):
        first.setdefault(str(path[0]) if path else "", message)
    return " ".join(f"{name}: {message}" if name else message for name, message in first.items())


def flatten_messages(
    messages: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the messages of marshmallow, which nests fields in fields and items in lists.

    Each has the names and positions that lead to its field; that of a whole schema has none.
    """
    if isinstance(messages, Mapping):
        for name, nested in messages.items():
            yield from flatten_messages(nested, path if name == SCHEMA else (*path, name))
    elif isinstance(messages, list | tuple):
        for nested in messages:
            yield from flatten_messages(nested, path)
    else:
        yield path, str(messages)
