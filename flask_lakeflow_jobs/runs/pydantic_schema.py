"""Pydantic models as schemas of parameters. Pure.

Only apps that give a job a model import this module, because pydantic is an extra. To the rest of
the package, a model is a marshmallow schema that validates with the model and describes itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, get_args

from marshmallow import EXCLUDE, INCLUDE, RAISE, ValidationError, fields
from pydantic import AliasChoices, AwareDatetime, BaseModel, RootModel, SecretBytes, SecretStr
from pydantic import ValidationError as ModelError
from pydantic.fields import FieldInfo

from .json_schema import SelfDescribed

#: What begins the messages of a model's own validators.
OWN_MESSAGE_PREFIXES = ("Value error, ", "Assertion failed, ")

#: Unknown parameters by the model's ``extra``. By default, pydantic would drop them silently.
UNKNOWN = {"ignore": EXCLUDE, "allow": INCLUDE, "forbid": RAISE, None: RAISE}


def build_model_schema(model: type[Any]) -> SelfDescribed:
    """Return a schema that accepts what a model accepts.

    :raises TypeError: the model has no fields with names.
    """
    if not issubclass(model, BaseModel) or issubclass(model, RootModel):
        raise TypeError(f"{model.__name__} has no named fields")
    document = model.model_json_schema()
    properties = _inline(document, document.get("$defs", {}))["properties"]
    declared = {
        key: _build_field(info, properties.get(key, {})) for key, info in _keys_of(model).items()
    }
    cls = type(model.__name__, (ModelSchema,), {**declared, "_model": model})
    schema: SelfDescribed = cls(unknown=UNKNOWN[model.model_config.get("extra")])
    return schema


class ModelSchema(SelfDescribed):
    """A schema that validates with a pydantic model."""

    _model: ClassVar[type[BaseModel]]

    def load(self, data: Any, *, partial: Any = None, **_: Any) -> dict[str, Any]:
        """Return the values of the model by the names that callers use, as JSON has them.

        :param partial: no default applies. The model still requires what it always does.
        :raises ValidationError: the model does not accept them.
        """
        model = self._model
        messages: dict[Any, Any] = {}
        if self.unknown == RAISE:
            unknown = set(data) - set(_accepted_names(model))
            messages = {name: ["Unknown field."] for name in sorted(unknown)}
        try:
            loaded = model.model_validate(data)
        except ModelError as error:
            messages = {**_nest_messages(error), **messages}
        if messages:
            raise ValidationError(messages)
        return _dump(loaded, loaded.model_fields_set if partial else None)

    def describe(self) -> dict[str, Any]:
        """Return the JSON Schema of the model, without references."""
        document = self._model.model_json_schema()
        inlined = _inline(document, document.get("$defs", {}))
        properties = inlined["properties"]
        for key, info in _keys_of(self._model).items():
            if key in properties and info.title is None:
                properties[key].pop("title", None)  # it is only made from the name
        described = {"type": "object", "properties": properties}
        described["additionalProperties"] = self.unknown != RAISE
        if required := inlined.get("required"):
            described["required"] = required
        return described


def _keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by the names that callers use."""
    return {_key_of(name, info): info for name, info in model.model_fields.items()}


def _key_of(name: str, info: FieldInfo) -> str:
    return next(_aliases_of(info), name)


def _aliases_of(info: FieldInfo) -> Iterator[str]:
    alias = info.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    yield from (choice for choice in choices if isinstance(choice, str))


def _accepted_names(model: type[BaseModel]) -> Iterator[str]:
    config = model.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    for name, info in model.model_fields.items():
        aliases = [*_aliases_of(info)]
        yield from aliases
        if by_name or not aliases:
            yield name


def _build_field(info: FieldInfo, described: Mapping[str, Any]) -> fields.Field[Any]:
    """Return a field that has the kind of value of a parameter."""
    kinds = described.get("type")
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    metadata = {"secret": extra["secret"]} if "secret" in extra else {}
    text = json.dumps(described)  # also of a model or a list in it
    if '"format": "password"' in text or '"secret": true' in text:
        metadata.setdefault("secret", True)
    if AwareDatetime in (info.annotation, *get_args(info.annotation)):
        return fields.AwareDateTime(metadata=metadata)
    if "array" in (kinds if isinstance(kinds, list) else [kinds]):
        return fields.List(fields.Raw(), metadata=metadata)
    if "object" in (kinds if isinstance(kinds, list) else [kinds]):
        return fields.Dict(metadata=metadata)
    return fields.Raw(metadata=metadata)


def _dump(loaded: BaseModel, only: set[str] | None) -> dict[str, Any]:
    # what the model accepts again, so without its computed fields
    values = loaded.model_dump(mode="json", by_alias=False, include=only, round_trip=True)
    keys = {name: _key_of(name, info) for name, info in type(loaded).model_fields.items()}
    return {keys.get(name, name): value for name, value in _reveal(values, loaded).items()}


def _reveal(dumped: Any, value: Any) -> Any:
    """Return what was dumped of a value with its secrets: JSON has stars in their place."""
    if isinstance(value, SecretStr | SecretBytes):
        secret = value.get_secret_value()
        return secret.decode() if isinstance(secret, bytes) else secret
    if isinstance(value, BaseModel):
        value = {**vars(value), **(value.model_extra or {})}
    if isinstance(value, Mapping) and isinstance(dumped, dict):
        return {key: _reveal(each, value.get(key)) for key, each in dumped.items()}
    if isinstance(value, list | tuple) and isinstance(dumped, list) and len(value) == len(dumped):
        return [_reveal(*each) for each in zip(dumped, value, strict=True)]
    return dumped


def _nest_messages(error: ModelError) -> dict[Any, Any]:
    """Return the messages of a model by field, as marshmallow nests them; never the values."""
    messages: dict[Any, Any] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        message = each["msg"]
        for prefix in OWN_MESSAGE_PREFIXES:
            message = message.removeprefix(prefix)
        *path, last = each["loc"] or ("_schema",)
        place = messages
        for part in path:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else place
        if isinstance(place.setdefault(last, []), list):
            place[last].append(f"{message.removesuffix('.')}.")
    return messages


def _inline(node: Any, defs: Mapping[str, Any], parents: tuple[str, ...] = ()) -> Any:
    """Replace the references of a JSON Schema, and alternatives to null, by what they stand for."""
    if isinstance(node, list):
        return [_inline(item, defs, parents) for item in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    name = str(node.pop("$ref", "")).rpartition("/")[2]
    if name in parents:  # a recursive model
        return {"type": "object"}
    if name:
        return {**_inline(defs[name], defs, (*parents, name)), **_inline(node, defs, parents)}
    inlined = {key: _inline(value, defs, parents) for key, value in node.items() if key != "$defs"}
    options = inlined.get("anyOf", [])
    others = [option for option in options if option != {"type": "null"}]
    if len(others) == 1 and len(options) == 2 and isinstance(others[0].get("type"), str):
        del inlined["anyOf"]
        inlined = {**others[0], **inlined, "type": [others[0]["type"], "null"]}
        if "enum" in inlined:
            inlined["enum"] = [*inlined["enum"], None]
    if inlined.get("default", ...) is None:
        del inlined["default"]  # the same as no value
    return inlined
