"""The configuration of one job: its settings, and the schema of its parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from marshmallow import Schema, fields
from pydantic import BaseModel, RootModel

from flask_lakeflow_jobs import ConfigurationError, JobConfig, JobMapping
from flask_lakeflow_jobs.config.job_config import read_job_settings
from flask_lakeflow_jobs.config.notify import NO_RULE
from flask_lakeflow_jobs.config.readers import SettingsReader


class Etl(Schema):
    day = fields.Date()


class Model(BaseModel):
    day: str


def read(value: Any) -> dict[str, Any]:
    return read_job_settings("jobs['etl']", value, NO_RULE)


def refused(value: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(value)
    return str(caught.value)


@pytest.mark.parametrize("params", [Etl, Etl(), {"day": fields.Date()}])
def test_params_may_be_a_schema_its_class_or_a_dict(params: Any) -> None:
    schema = read(JobConfig(params=params))["params"]
    assert isinstance(schema, Schema)
    assert set(schema.load_fields) == {"day"}


def test_params_may_be_a_pydantic_model() -> None:
    assert isinstance(read(JobConfig(params=Model))["params"], Schema)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("job_id", "123abc"),
        ("job_id", True),
        ("job_id", 0),
        ("task_type", "python"),
        ("task_type", ["notebook"]),
        ("run_as", "service_principal"),
        ("run_as", []),
        ("policy", "admins"),
        ("description", 5),
        ("wait_timeout", 0),
        ("wait_timeout", "soon"),
        ("wait_timeout", None),
        ("params", 5),
        ("params", "Etl"),
        ("params", SettingsReader),
        ("params", {"day": 5}),
        ("params", {"day": fields.Date}),
        ("params", {5: fields.Date()}),
        ("no_such_setting", 1),
    ],
)
def test_invalid_setting_raises_and_is_named(name: str, value: object) -> None:
    sentence = refused({"job_id": 1, name: value})
    assert "'etl'" in sentence
    assert name in sentence


@pytest.mark.parametrize("value", [5, "notebook", None, ["job_id", 1]])
def test_value_that_is_no_job_raises(value: Any) -> None:
    assert "'etl'" in refused(value)


def test_job_mapping_has_the_keys_of_job_config() -> None:
    names = [field.name for field in dataclasses.fields(JobConfig)]
    assert list(JobMapping.__annotations__) == names


@pytest.mark.parametrize("params", [RootModel[int], int, "day"])
def test_other_params_name_what_is_accepted(params: Any) -> None:
    assert "pydantic model" in refused(JobConfig(11, params=params))


@pytest.mark.parametrize("params", [str, "day"])
def test_other_params_are_quoted(params: Any) -> None:
    assert f"not {params!r}." in refused(JobConfig(11, params=params))


def test_unknown_setting_suggests_a_known_one() -> None:
    assert "no setting 'taks_type'. Did you mean 'task_type'?" in refused({"taks_type": "job"})
