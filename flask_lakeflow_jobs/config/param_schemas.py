"""The parameters that a job accepts: from a schema, fields or a model to a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from marshmallow import Schema
from marshmallow.fields import Field

from ..errors import ConfigurationError


class ParamsModel(Protocol):
    """A pydantic model, as far as type checkers must know it where pydantic is not installed."""

    @classmethod
    def model_validate(cls, obj: Any) -> Any: ...

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]: ...


#: A schema, a mapping of fields or a pydantic model. The values are typed as objects because type
#: checkers infer ``dict[str, object]`` for fields of several classes.
Params: TypeAlias = "Schema | type[Schema] | Mapping[str, object] | type[ParamsModel]"


def build_schema(where: str, params: Params | None) -> Schema | None:
    """Return the schema of a job's parameters.

    :param where: the setting, for messages.
    :raises ConfigurationError: it is none of these.
    """
    if params is None or isinstance(params, Schema):
        return params
    if isinstance(params, type) and issubclass(params, Schema):
        return params()
    if isinstance(params, Mapping):
        schema_fields: Mapping[Any, Any] = params
        for name, field in schema_fields.items():
            if not (isinstance(name, str) and isinstance(field, Field)):
                raise ConfigurationError(
                    f"{where}[{name!r}] must be a marshmallow field under a name, such as"
                    f" {{'day': fields.Date()}}, not {field!r}."
                )
        return Schema.from_dict(dict(schema_fields))()
    model: Any = params
    if isinstance(model, type) and hasattr(model, "model_validate"):
        return _build_model_schema(where, model)
    raise ConfigurationError(
        f"{where} must be a marshmallow Schema, a dict of fields, or a pydantic model."
    )


def _build_model_schema(where: str, model: Any) -> Schema:
    from ..runs.pydantic_schema import build_model_schema  # an extra, which the model comes from

    try:
        return build_model_schema(model)
    except TypeError as error:
        raise ConfigurationError(f"{where} must be a pydantic model: {error}.") from None
