"""Pydantic models as the parameters of jobs."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import replace
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    computed_field,
    field_validator,
    model_validator,
)

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.console.job_form import build_form
from flask_lakeflow_jobs.runs.json_schema import build_json_schema
from flask_lakeflow_jobs.runs.params import validate_params
from flask_lakeflow_jobs.runs.pydantic_schema import build_model_schema
from flask_lakeflow_jobs.runs.redaction import secret_overrides
from flask_lakeflow_jobs.runs.run_now_fields import build_run_now_fields
from tests.run_documents import build_job


class Region(enum.Enum):
    EMEA = "emea"
    AMER = "amer"


class Leg(BaseModel):
    origin: str
    next: Leg | None = None


class Nightly(BaseModel):
    day: dt.date = Field(title="Day", description="The day that is loaded.")
    limit: int = Field(10, ge=1, le=100)
    region: Region = Region.EMEA
    start_at: AwareDatetime | None = Field(None, alias="startAt")
    share: Decimal | None = None
    full: bool = False
    tags: list[str] = []
    leg: Leg | None = None
    token: SecretStr | None = None
    hint: str | None = Field(None, json_schema_extra={"secret": True})

    @field_validator("limit")
    @classmethod
    def _check_limit(cls, limit: int) -> int:
        if limit == 13:
            raise ValueError("13 is unlucky")
        return limit

    @model_validator(mode="after")
    def _check_all(self) -> Nightly:
        if self.full and self.limit == 1:
            raise ValueError("A full load needs a higher limit")
        return self


SCHEMA = build_model_schema(Nightly)


def test_validate_params_by_model_gives_texts_for_the_job() -> None:
    params = {"day": "2025-01-31", "limit": "5", "share": "0.50", "full": "yes", "token": "s3cret"}
    values = validate_params(SCHEMA, {**params, "startAt": "2025-01-31T06:00:00+01:00"})
    del values["tags"]
    assert build_run_now_fields("job", values) == {
        "job_parameters": {
            "day": "2025-01-31",
            "limit": "5",
            "region": "emea",
            "startAt": "2025-01-31T06:00:00+01:00",
            "share": "0.50",
            "full": "true",
            "token": "s3cret",
        }
    }


@pytest.mark.parametrize(
    ("params", "messages"),
    [
        ({}, {"day": ["Field required."]}),
        (
            {"day": "2025-01-31", "limit": 13, "dya": 1},
            {"limit": ["13 is unlucky."], "dya": ["Unknown field."]},
        ),
        (
            {"day": "2025-01-31", "leg": {"origin": 5}},
            {"leg": {"origin": ["Input should be a valid string."]}},
        ),
        (
            {"day": "2025-01-31", "tags": ["a", 2]},
            {"tags": {1: ["Input should be a valid string."]}},
        ),
        (
            {"day": "2025-01-31", "full": True, "limit": 1},
            {"_schema": ["A full load needs a higher limit."]},
        ),
        ({"day": "2025-01-31", "start_at": None}, {"start_at": ["Unknown field."]}),
    ],
)
def test_validate_params_by_model_has_messages_by_field(
    params: dict[str, Any], messages: dict[str, Any]
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        validate_params(SCHEMA, params)
    assert caught.value.messages == messages


def test_validate_params_by_model_never_repeats_values() -> None:
    with pytest.raises(InvalidParameters) as caught:
        validate_params(SCHEMA, {"day": "2025-01-31", "token": ["s3cret"], "share": "s3cret"})
    assert "s3cret" not in f"{caught.value.messages} {caught.value.detail}"


@pytest.mark.parametrize(
    ("extra", "loaded"), [("ignore", {"a": 1}), ("allow", {"a": 1, "other": "x"})]
)
def test_model_config_decides_about_unknown_parameters(extra: Any, loaded: dict[str, Any]) -> None:
    class Loose(BaseModel):
        model_config = ConfigDict(extra=extra)
        a: int

    schema = build_model_schema(Loose)
    assert validate_params(schema, {"a": 1, "other": "x"}) == loaded
    assert build_json_schema(schema)["additionalProperties"] is True


def test_model_aliases_are_the_names_of_parameters() -> None:
    class Aliased(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        start: int = Field(validation_alias=AliasChoices("startDate", "from"))

    schema = build_model_schema(Aliased)
    for name in ("startDate", "from", "start"):
        assert validate_params(schema, {name: 1}) == {"startDate": 1}
    assert [*build_json_schema(schema)["properties"]] == ["startDate"]


def test_partial_params_by_model_get_no_default() -> None:
    params = {"day": "2025-01-01", "startAt": "2025-01-01T00:00:00Z", "leg": {"origin": "a"}}
    assert validate_params(SCHEMA, {**params, "token": "t"}, partial=True) == {
        **params,
        "leg": {"origin": "a", "next": None},
        "token": "t",
    }
    with pytest.raises(InvalidParameters) as refused:
        validate_params(SCHEMA, {"limit": 3}, partial=True)
    assert set(refused.value.messages) == {"day"}


def test_json_schema_of_model_is_valid_and_has_no_references() -> None:
    document = build_json_schema(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(document)
    assert "$ref" not in str(document)
    assert document["required"] == ["day"]
    assert document["properties"]["day"] == {
        "type": "string",
        "format": "date",
        "title": "Day",
        "description": "The day that is loaded.",
    }
    assert document["properties"]["limit"] == {
        "type": "integer",
        "default": 10,
        "minimum": 1,
        "maximum": 100,
    }
    assert document["properties"]["region"]["enum"] == ["emea", "amer"]
    assert document["properties"]["startAt"]["type"] == ["string", "null"]
    assert document["additionalProperties"] is False


def test_secrets_within_a_model_reach_the_job_and_are_redacted() -> None:
    class Login(BaseModel):
        name: str
        key: SecretStr

    class Door(BaseModel):
        code: int = Field(json_schema_extra={"secret": True})

    class Params(BaseModel):
        login: Login | None = None
        keys: list[SecretStr] = []
        by_name: dict[str, SecretStr] = {}
        door: Door | None = None
        plain: Leg | None = None

    schema = build_model_schema(Params)
    params = {"login": {"name": "n", "key": "a"}, "keys": ["b", "c"], "by_name": {"x": "d"}}
    assert validate_params(schema, params) == {**params, "door": None, "plain": None}
    names = ["login", "keys", "by_name", "door"]
    assert secret_overrides(schema) == dict.fromkeys(names, True)


def test_secrets_of_model_are_redacted() -> None:
    assert secret_overrides(SCHEMA) == {"token": True, "hint": True}


def test_json_schema_of_model_has_no_defaults_of_secrets() -> None:
    class Params(BaseModel):
        hint: str = Field("hunter2", json_schema_extra={"secret": True})
        login: dict[str, str] = {"password": "hunter2"}
        limit: int = 5

    properties = build_json_schema(build_model_schema(Params))["properties"]
    assert "hunter2" not in str(properties)
    assert properties["limit"]["default"] == 5


def test_form_of_model_has_controls_by_type() -> None:
    job = replace(build_job(), schema=SCHEMA)
    controls = {each.name: each for each in build_form(job, None).fields}
    assert {name: each.control for name, each in controls.items()} == {
        "day": "date",
        "limit": "number",
        "region": "select",
        "startAt": "text",
        "share": "text",
        "full": "checkbox",
        "tags": "lines",
        "leg": "json",
        "token": "password",
        "hint": "password",
    }
    assert (controls["day"].label, controls["day"].required) == ("Day", True)
    assert controls["day"].help == "The day that is loaded."
    assert (controls["limit"].label, controls["limit"].value) == ("limit", "10")
    assert controls["startAt"].help.startswith("With its offset")


def test_model_without_named_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="has no named fields"):
        build_model_schema(RootModel[int])


def test_computed_fields_are_no_parameters() -> None:
    class Window(BaseModel):
        days: int

        @computed_field  # type: ignore[prop-decorator]
        @property
        def hours(self) -> int:
            return 24 * self.days

    class Load(Window):
        window: Window

    schema = build_model_schema(Load)
    given = {"days": 2, "window": {"days": 1}}
    assert schema.load(given) == given
    assert schema.load(given, partial=True) == given
    assert schema.describe()["properties"].keys() == given.keys()
