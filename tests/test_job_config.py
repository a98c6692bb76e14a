"""The named jobs: from code, config, environment and bundle, each under one key, with one id."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from flask_lakeflow_jobs import ConfigurationError, JobConfig
from flask_lakeflow_jobs.config.jobs import (
    RESERVED_KEYS,
    Job,
    JobConfigs,
    build_env_name,
    resolve_jobs,
)
from flask_lakeflow_jobs.config.readers import SettingsReader


class Etl(Schema):
    day = fields.Date()


def jobs(
    code: JobConfigs | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    local: Mapping[str, int] | None = None,
    wait_timeout: float = 600.0,
) -> dict[str, Job]:
    return resolve_jobs(
        SettingsReader(config or {}, environ or {}), code or {}, local or {}, wait_timeout
    )


def ids(named: Mapping[str, Job]) -> dict[str, int]:
    return {key: job.job_id for key, job in named.items()}


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        jobs(*args, **kwargs)
    return str(caught.value)


# ── discovery ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["config", "environ"])
def test_jobs_are_discovered_by_name(where: str) -> None:
    found = jobs(
        None,
        config={"DATABRICKS_JOB_ETL": "11"} if where == "config" else {},
        environ={"DATABRICKS_JOB_ETL": "11", "UNRELATED": "5"} if where == "environ" else {},
    )
    assert ids(found) == {"etl": 11}


def test_several_jobs_need_no_default_one() -> None:
    environ = {"DATABRICKS_JOB_ETL": "11", "DATABRICKS_JOB_NIGHTLY_LOAD": "12"}
    assert ids(jobs(environ=environ)) == {"etl": 11, "nightly_load": 12}


def test_the_single_job_is_the_default_one_beside_others_too() -> None:
    assert ids(jobs(environ={"DATABRICKS_JOB_ID": "5"})) == {"default": 5}
    environ = {"DATABRICKS_JOB_ID": "5", "DATABRICKS_JOB_ETL": "11"}
    assert ids(jobs(environ=environ)) == {"default": 5, "etl": 11}


def test_the_apps_config_wins_over_the_environment() -> None:
    found = jobs(config={"DATABRICKS_JOB_ETL": 12}, environ={"DATABRICKS_JOB_ETL": "11"})
    assert ids(found) == {"etl": 12}


@pytest.mark.parametrize("key", ["etlDaily", "ETLDAILY", "etldaily"])
def test_a_key_in_any_case_is_one_job_with_the_id_of_the_environment(key: str) -> None:
    environ = {"DATABRICKS_JOB_ETLDAILY": "11"}
    assert ids(jobs({key: JobConfig()}, environ=environ)) == {key: 11}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("etl", "DATABRICKS_JOB_ETL"),
        ("nightly-load", "DATABRICKS_JOB_NIGHTLY_LOAD"),
        ("a.b", "DATABRICKS_JOB_A_B"),
        ("default", "DATABRICKS_JOB_DEFAULT"),
    ],
)
def test_any_key_has_a_name_that_a_shell_can_set(key: str, name: str) -> None:
    assert build_env_name(key) == name
    assert ids(jobs({key: {}}, environ={name: "11"})) == {key: 11}


def test_the_default_job_may_be_configured_and_get_the_single_id() -> None:
    found = jobs({"default": JobConfig(task_type="sql")}, environ={"DATABRICKS_JOB_ID": "5"})
    assert ids(found) == {"default": 5}
    assert found["default"].task_type == "sql"


@pytest.mark.parametrize("value", ["123abc", "etl-job", "1.5", "-1", "0", " ", "٣"])
def test_what_the_environment_has_by_chance_only_warns(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = jobs(environ={"DATABRICKS_JOB_CLUSTER_KEY": value, "DATABRICKS_JOB_ETL": "11"})
    assert ids(found) == {"etl": 11}
    assert "DATABRICKS_JOB_CLUSTER_KEY" in caplog.text


@pytest.mark.parametrize(
    "value", ["123abc", "", "0", 0, -1, 1.5, True, [], "1e3", "9" * 5000, 10**5000], ids=type
)
def test_an_id_that_is_no_number_in_the_apps_config_stops_the_start(value: object) -> None:
    assert "DATABRICKS_JOB_ETL" in refused(config={"DATABRICKS_JOB_ETL": value})


def test_so_does_one_that_a_named_job_needs() -> None:
    assert "DATABRICKS_JOB_ETL" in refused({"etl": {}}, environ={"DATABRICKS_JOB_ETL": "123abc"})


def test_a_named_job_without_an_id_says_what_to_set() -> None:
    sentence = refused({"nightly-load": {}})
    assert "'nightly-load'" in sentence
    assert "DATABRICKS_JOB_NIGHTLY_LOAD" in sentence


@given(st.dictionaries(st.from_regex(r"DATABRICKS_JOB_[A-Z_]{0,6}", fullmatch=True), st.text()))
def test_no_environment_breaks_the_start_but_a_default_job_that_is_none(
    environ: dict[str, str],
) -> None:
    environ.pop("DATABRICKS_JOB_ID", None)
    found = jobs(environ=environ)
    assert all(job.job_id > 0 for job in found.values())
    assert {build_env_name(key) for key in found} <= set(environ)


# ── explicit jobs ─────────────────────────────────────────────────────────────────────────────────


def test_a_mapping_is_as_good_as_a_job_config() -> None:
    settings: dict[str, Any] = {
        "job_id": 11,
        "task_type": "notebook",
        "params": Etl,
        "wait_timeout": 60.0,
        "run_as": "user",
        "description": "The nightly load.",
    }
    [by_mapping] = jobs({"etl": settings}).values()
    [by_config] = jobs({"etl": JobConfig(**settings)}).values()
    for job in (by_mapping, by_config):
        assert (job.job_id, job.task_type, job.wait_timeout) == (11, "notebook", 60.0)
        assert (job.run_as, job.description) == ("user", "The nightly load.")
        assert isinstance(job.schema, Etl)


@pytest.mark.parametrize("params", [Etl, Etl(), {"day": fields.Date()}])
def test_parameters_are_described_by_a_schema_or_a_dict_of_fields(params: Any) -> None:
    job = jobs({"etl": JobConfig(job_id=1, params=params)})["etl"]
    assert job.schema is not None
    assert set(job.schema.load_fields) == {"day"}


def test_the_config_wins_over_code_field_by_field() -> None:
    found = jobs(
        {"etl": JobConfig(job_id=1, task_type="sql", description="From code.")},
        config={"LAKEFLOW_JOBS": {"etl": {"job_id": 2}, "report": {"job_id": "3"}}},
    )
    assert ids(found) == {"etl": 2, "report": 3}
    assert (found["etl"].task_type, found["etl"].description) == ("sql", "From code.")


@pytest.mark.parametrize("over", [JobConfig(description="Mine."), {"description": "Mine."}])
@pytest.mark.parametrize(
    "code",
    [
        JobConfig(job_id=5, task_type="sql", wait_timeout=7.0, params=Etl),
        {"job_id": 5, "task_type": "sql", "wait_timeout": 7.0, "params": Etl},
    ],
)
def test_so_it_does_whichever_of_them_is_a_job_config(code: Any, over: Any) -> None:
    etl = jobs({"etl": code}, config={"LAKEFLOW_JOBS": {"etl": over}})["etl"]
    assert (etl.job_id, etl.task_type, etl.wait_timeout) == (5, "sql", 7.0)
    assert (etl.description, type(etl.schema)) == ("Mine.", Etl)


def test_an_explicit_id_wins_over_a_discovered_one() -> None:
    found = jobs({"etl": JobConfig(job_id=1)}, environ={"DATABRICKS_JOB_ETL": "2"})
    assert ids(found) == {"etl": 1}


def test_jobs_may_stand_in_the_environment_as_json() -> None:
    found = jobs(environ={"LAKEFLOW_JOBS": '{"etl": {"job_id": 4, "wait_timeout": "60"}}'})
    assert ids(found) == {"etl": 4}
    assert found["etl"].wait_timeout == 60.0


def test_a_job_waits_as_long_as_the_app_unless_it_says_otherwise() -> None:
    found = jobs(
        {"a": JobConfig(job_id=1), "b": JobConfig(job_id=2, wait_timeout=5.0)}, wait_timeout=60.0
    )
    assert (found["a"].wait_timeout, found["b"].wait_timeout) == (60.0, 5.0)


def test_a_mapping_may_say_otherwise_by_the_default() -> None:
    named = {"etl": {"job_id": 1, "wait_timeout": 600}}
    for found in (
        jobs(named, wait_timeout=30.0),
        jobs(config={"LAKEFLOW_JOBS": named}, wait_timeout=30.0),
        jobs({"etl": JobConfig(job_id=1)}, config={"LAKEFLOW_JOBS": named}, wait_timeout=30.0),
    ):
        assert found["etl"].wait_timeout == 600.0


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
def test_a_bad_setting_of_a_job_stops_the_start_and_is_named(name: str, value: object) -> None:
    for where in ("code", "config"):
        bad: dict[str, Any] = {"etl": {"job_id": 1, name: value}}
        sentence = refused(bad) if where == "code" else refused(config={"LAKEFLOW_JOBS": bad})
        assert "'etl'" in sentence
        assert name in sentence


@pytest.mark.parametrize("value", [5, "notebook", None, ["job_id", 1]])
def test_what_is_no_job_stops_the_start(value: Any) -> None:
    assert "'etl'" in refused({"etl": value})


@pytest.mark.parametrize("key", ["", "a b", "a/b", "a:b", "é?", "a\n", ".", ".."])
def test_a_key_that_no_url_or_shell_can_carry_is_refused(key: str) -> None:
    assert repr(key) in refused({key: {"job_id": 1}})


@pytest.mark.parametrize("key", sorted(RESERVED_KEYS))
def test_a_key_that_is_the_name_of_a_route_is_refused_where_it_was_chosen(key: str) -> None:
    for sentence in (
        refused({key: {"job_id": 1}}),
        refused(config={"LAKEFLOW_JOBS": {key: {"job_id": 1}}}),
    ):
        assert repr(key) in sentence
        assert "another key" in sentence


def test_so_it_is_in_the_apps_config_and_in_the_environment_it_only_warns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    variable = {"DATABRICKS_JOB_STREAM": "5"}
    assert "DATABRICKS_JOB_STREAM names a job 'stream'" in refused(config=variable)
    assert ids(jobs(environ={**variable, "DATABRICKS_JOB_ETL": "1"})) == {"etl": 1}
    [warning] = caplog.messages
    assert "DATABRICKS_JOB_STREAM names a job 'stream'" in warning
    assert "LAKEFLOW_JOBS" in warning


@pytest.mark.parametrize("name", ["", "A B", "A/B", ".", ".."])
def test_the_same_goes_for_a_variable_that_makes_no_key(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    variable = {f"DATABRICKS_JOB_{name}": "5"}
    assert f"DATABRICKS_JOB_{name} names a job {name.lower()!r}" in refused(config=variable)
    assert ids(jobs(environ={**variable, "DATABRICKS_JOB_ETL": "1"})) == {"etl": 1}
    [warning] = caplog.messages
    assert f"DATABRICKS_JOB_{name} names a job {name.lower()!r}" in warning


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("DATABRICKS_JOB_ETL", "DATABRICKS_JOB_etl", "etl"),
        ("DATABRICKS_JOB_DEFAULT", "DATABRICKS_JOB_ID", "default"),
    ],
)
class TestTwoSettingsForOneJob:
    def test_no_id_vanishes_from_the_apps_config(self, first: str, second: str, key: str) -> None:
        for code in ({}, {key: JobConfig()}):
            sentence = refused(code, config={first: 1, second: 2})
            assert first in sentence
            assert second in sentence

    def test_in_the_environment_the_second_is_left_out_with_a_warning(
        self, first: str, second: str, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert ids(jobs(environ={first: "1", second: "2"})) == {key: 1}
        [warning] = caplog.messages
        assert f"{second} is left out" in warning

    def test_the_apps_config_wins_whatever_it_is_called(
        self, first: str, second: str, key: str
    ) -> None:
        assert ids(jobs(config={second: 2}, environ={first: "1"})) == {key: 2}
        assert ids(jobs(config={first: 1}, environ={second: "2"})) == {key: 1}

    def test_two_that_agree_are_one(
        self, first: str, second: str, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert ids(jobs(config={first: 1, second: "1"})) == {key: 1}
        assert ids(jobs({key: {"job_id": 3}}, config={first: 1, second: 2})) == {key: 3}
        assert ids(jobs(config={first: 1, second: 2}, local={key: 101})) == {key: 101}
        assert not caplog.messages


def test_what_the_host_keeps_in_its_config_under_no_text_is_nothing_to_us() -> None:
    config: dict[Any, Any] = {5: "x", None: 1, "DATABRICKS_JOB_ETL": 1}
    assert ids(jobs(config=config)) == {"etl": 1}


def test_a_job_of_the_bundle_with_such_a_key_is_left_out_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ids(jobs(local={"webhook": 101, "etl": 102})) == {"etl": 102}
    assert "The bundle names a job 'webhook'" in caplog.text


def test_its_id_may_come_from_such_a_variable() -> None:
    found = jobs({"streaming": {"job_id": 5}, "Stream": {}}, environ={"DATABRICKS_JOB_STREAM": "6"})
    assert ids(found) == {"streaming": 5, "Stream": 6}


def test_jobs_are_a_mapping() -> None:
    assert "LAKEFLOW_JOBS" in refused(config={"LAKEFLOW_JOBS": ["etl"]})
    assert "LAKEFLOW_JOBS" in refused(environ={"LAKEFLOW_JOBS": "etl"})


# ── the local workspace ────────────────────────────────────────────────────────────────────────


def test_on_the_embedded_workspace_the_ids_of_the_bundle_hold() -> None:
    found = jobs(
        {"etl": JobConfig(job_id=1, task_type="notebook")},
        environ={"DATABRICKS_JOB_ETL": "2", "DATABRICKS_JOB_REPORT": "3"},
        local={"etl": 101, "report": 102, "extra": 103},
    )
    assert ids(found) == {"etl": 101, "report": 102, "extra": 103}
    assert found["etl"].task_type == "notebook"
