"""Jobs from code, app config, environment and bundle, and their precedence."""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from flask_lakeflow_jobs import ConfigurationError, JobConfig, JobMapping
from flask_lakeflow_jobs.config.job_config import JobConfigs
from flask_lakeflow_jobs.config.jobs import (
    RESERVED_KEYS,
    Job,
    LocalJob,
    build_env_name,
    resolve_jobs,
)
from flask_lakeflow_jobs.config.notify import NO_RULE
from flask_lakeflow_jobs.config.readers import SettingsReader


class Etl(Schema):
    day = fields.Date()


def jobs(
    code: JobConfigs | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    local: Mapping[str, int] | None = None,
    described: Mapping[str, str] | None = None,
    wait_timeout: float = 600.0,
) -> dict[str, Job]:
    return resolve_jobs(
        SettingsReader(config or {}, environ or {}),
        code or {},
        {
            key: LocalJob(job_id, (described or {}).get(key))
            for key, job_id in (local or {}).items()
        },
        wait_timeout=wait_timeout,
        notify=NO_RULE,
    )


def ids(named: Mapping[str, Job]) -> dict[str, int]:
    return {key: job.job_id for key, job in named.items()}


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        jobs(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("where", ["config", "environ"])
def test_resolve_jobs_discovers_jobs_by_name(where: str) -> None:
    found = jobs(
        None,
        config={"DATABRICKS_JOB_ETL": "11"} if where == "config" else {},
        environ={"DATABRICKS_JOB_ETL": "11", "UNRELATED": "5"} if where == "environ" else {},
    )
    assert ids(found) == {"etl": 11}


def test_resolve_jobs_discovers_job_id_as_default() -> None:
    assert ids(jobs(environ={"DATABRICKS_JOB_ID": "5"})) == {"default": 5}
    environ = {"DATABRICKS_JOB_ID": "5", "DATABRICKS_JOB_NIGHTLY_LOAD": "11"}
    assert ids(jobs(environ=environ)) == {"default": 5, "nightly_load": 11}


def test_resolve_jobs_app_config_overrides_environment() -> None:
    found = jobs(config={"DATABRICKS_JOB_ETL": 12}, environ={"DATABRICKS_JOB_ETL": "11"})
    assert ids(found) == {"etl": 12}


@pytest.mark.parametrize("key", ["etlDaily", "ETLDAILY", "etldaily"])
def test_resolve_jobs_key_in_any_case_gets_the_variables_id(key: str) -> None:
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
def test_build_env_name_is_a_shell_variable_for_any_key(key: str, name: str) -> None:
    assert build_env_name(key) == name
    assert ids(jobs({key: {}}, environ={name: "11"})) == {key: 11}


def test_resolve_jobs_configured_default_job_gets_job_id() -> None:
    found = jobs({"default": JobConfig(task_type="sql")}, environ={"DATABRICKS_JOB_ID": "5"})
    assert ids(found) == {"default": 5}
    assert found["default"].task_type == "sql"


@pytest.mark.parametrize("value", ["123abc", "etl-job", "1.5", "-1", "0", " ", "٣"])
def test_resolve_jobs_invalid_environment_id_only_warns(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = jobs(environ={"DATABRICKS_JOB_CLUSTER_KEY": value, "DATABRICKS_JOB_ETL": "11"})
    assert ids(found) == {"etl": 11}
    assert "DATABRICKS_JOB_CLUSTER_KEY" in caplog.text


@pytest.mark.parametrize(
    "value", ["123abc", "", "0", 0, -1, 1.5, True, [], "1e3", "9" * 5000, 10**5000], ids=type
)
def test_resolve_jobs_invalid_id_in_app_config_raises(value: object) -> None:
    assert "DATABRICKS_JOB_ETL" in refused(config={"DATABRICKS_JOB_ETL": value})


def test_resolve_jobs_invalid_id_in_app_config_raises_with_a_bundle() -> None:
    config = {"DATABRICKS_JOB_ETL": "12e"}
    assert "DATABRICKS_JOB_ETL" in refused(config=config, local={"etl": 101})
    assert ids(jobs(environ=config, local={"etl": 101})) == {"etl": 101}


def test_resolve_jobs_configured_job_with_invalid_id_raises() -> None:
    assert "DATABRICKS_JOB_ETL" in refused({"etl": {}}, environ={"DATABRICKS_JOB_ETL": "123abc"})


def test_resolve_jobs_job_that_is_not_in_the_bundle_names_its_jobs() -> None:
    sentence = refused({"onne": {}}, local={"two": 2, "one": 1})
    assert sentence == (
        "The bundle has no job 'onne' with tasks. Did you mean 'one'? Its jobs: one, two."
    )


def test_resolve_jobs_configured_job_without_id_names_the_setting() -> None:
    sentence = refused({"nightly-load": {}})
    assert "'nightly-load'" in sentence
    assert "DATABRICKS_JOB_NIGHTLY_LOAD" in sentence


@given(st.dictionaries(st.from_regex(r"DATABRICKS_JOB_[A-Z_]{0,6}", fullmatch=True), st.text()))
def test_resolve_jobs_any_environment_without_job_id_is_valid(
    environ: dict[str, str],
) -> None:
    environ.pop("DATABRICKS_JOB_ID", None)
    found = jobs(environ=environ)
    assert all(job.job_id > 0 for job in found.values())
    assert {build_env_name(key) for key in found} <= set(environ)


def test_resolve_jobs_accepts_mapping_and_job_config() -> None:
    settings: dict[str, Any] = {
        "job_id": 11,
        "task_type": "notebook",
        "params": Etl,
        "wait_timeout": 60.0,
        "run_as": "user",
        "description": "The nightly load.",
    }
    [by_mapping] = jobs({"etl": cast(JobMapping, settings)}).values()
    [by_config] = jobs({"etl": JobConfig(**settings)}).values()
    for job in (by_mapping, by_config):
        assert (job.job_id, job.task_type, job.wait_timeout) == (11, "notebook", 60.0)
        assert (job.run_as, job.description) == ("user", "The nightly load.")
        assert isinstance(job.schema, Etl)


def test_resolve_jobs_app_config_overrides_code_field_by_field() -> None:
    found = jobs(
        {"etl": JobConfig(job_id=1, task_type="sql", description="From code.")},
        config={"LAKEFLOW_JOBS": {"etl": {"job_id": 2}, "report": {"job_id": "3"}}},
    )
    assert ids(found) == {"etl": 2, "report": 3}
    assert (found["etl"].task_type, found["etl"].description) == ("sql", "From code.")


@pytest.mark.parametrize(
    "override", [JobConfig(description="Overridden."), {"description": "Overridden."}]
)
@pytest.mark.parametrize(
    "code",
    [
        JobConfig(job_id=5, task_type="sql", wait_timeout=7.0, params=Etl),
        {"job_id": 5, "task_type": "sql", "wait_timeout": 7.0, "params": Etl},
    ],
)
def test_resolve_jobs_merges_mapping_and_job_config_in_any_order(code: Any, override: Any) -> None:
    etl = jobs({"etl": code}, config={"LAKEFLOW_JOBS": {"etl": override}})["etl"]
    assert (etl.job_id, etl.task_type, etl.wait_timeout) == (5, "sql", 7.0)
    assert (etl.description, type(etl.schema)) == ("Overridden.", Etl)


def test_resolve_jobs_configured_id_overrides_discovered_id() -> None:
    found = jobs({"etl": JobConfig(job_id=1)}, environ={"DATABRICKS_JOB_ETL": "2"})
    assert ids(found) == {"etl": 1}


def test_resolve_jobs_reads_json_from_the_environment() -> None:
    found = jobs(environ={"LAKEFLOW_JOBS": '{"etl": {"job_id": 4, "wait_timeout": "60"}}'})
    assert ids(found) == {"etl": 4}
    assert found["etl"].wait_timeout == 60.0


def test_resolve_jobs_wait_timeout_defaults_to_the_apps() -> None:
    found = jobs(
        {"a": JobConfig(job_id=1), "b": JobConfig(job_id=2, wait_timeout=5.0)}, wait_timeout=60.0
    )
    assert (found["a"].wait_timeout, found["b"].wait_timeout) == (60.0, 5.0)


def test_resolve_jobs_mapping_may_set_the_default_wait_timeout() -> None:
    named: dict[str, JobMapping] = {"etl": {"job_id": 1, "wait_timeout": 600}}
    for found in (
        jobs(named, wait_timeout=30.0),
        jobs(config={"LAKEFLOW_JOBS": named}, wait_timeout=30.0),
        jobs({"etl": JobConfig(job_id=1)}, config={"LAKEFLOW_JOBS": named}, wait_timeout=30.0),
    ):
        assert found["etl"].wait_timeout == 600.0


@pytest.mark.parametrize("key", ["", "a b", "a/b", "a:b", "é?", "a\n", ".", ".."])
def test_resolve_jobs_invalid_configured_key_raises(key: str) -> None:
    assert repr(key) in refused({key: {"job_id": 1}})


@pytest.mark.parametrize("key", sorted(RESERVED_KEYS))
def test_resolve_jobs_reserved_configured_key_raises(key: str) -> None:
    for sentence in (
        refused({key: {"job_id": 1}}),
        refused(config={"LAKEFLOW_JOBS": {key: {"job_id": 1}}}),
    ):
        assert repr(key) in sentence
        assert "another key" in sentence


@pytest.mark.parametrize("name", ["", "A B", "A/B", ".", "..", "STREAM"])
def test_resolve_jobs_refused_discovered_key_raises_or_warns(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    variable = {f"DATABRICKS_JOB_{name}": "5"}
    assert f"DATABRICKS_JOB_{name} names a job {name.lower()!r}" in refused(config=variable)
    assert ids(jobs(environ={**variable, "DATABRICKS_JOB_ETL": "1"})) == {"etl": 1}
    [warning] = caplog.messages
    assert f"DATABRICKS_JOB_{name} names a job {name.lower()!r}" in warning
    assert "LAKEFLOW_JOBS" in warning


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("DATABRICKS_JOB_ETL", "DATABRICKS_JOB_etl", "etl"),
        ("DATABRICKS_JOB_DEFAULT", "DATABRICKS_JOB_ID", "default"),
    ],
)
class TestTwoSettingsForOneJob:
    def test_resolve_jobs_two_ids_in_app_config_raise(
        self, first: str, second: str, key: str
    ) -> None:
        for code in ({}, {key: JobConfig()}):
            sentence = refused(code, config={first: 1, second: 2})
            assert first in sentence
            assert second in sentence

    def test_resolve_jobs_two_ids_in_environment_warn(
        self, first: str, second: str, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert ids(jobs(environ={first: "1", second: "2"})) == {key: 1}
        [warning] = caplog.messages
        assert f"{second} is ignored" in warning

    def test_resolve_jobs_id_in_app_config_overrides_either_name(
        self, first: str, second: str, key: str
    ) -> None:
        assert ids(jobs(config={second: 2}, environ={first: "1"})) == {key: 2}
        assert ids(jobs(config={first: 1}, environ={second: "2"})) == {key: 1}

    def test_resolve_jobs_two_settings_that_agree_are_one_job(
        self, first: str, second: str, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert ids(jobs(config={first: 1, second: "1"})) == {key: 1}
        assert ids(jobs({key: {"job_id": 3}}, config={first: 1, second: 2})) == {key: 3}
        assert ids(jobs(config={first: 1, second: 2}, local={key: 101})) == {key: 101}
        assert not caplog.messages


def test_resolve_jobs_key_of_an_enumeration_is_its_text() -> None:
    class Key(str, enum.Enum):
        ETL = "etl"

    assert ids(jobs(code={Key.ETL: {"job_id": 5}})) == {"etl": 5}


@pytest.mark.parametrize("key", [None, True, ("etl",)])
def test_resolve_jobs_key_that_is_no_text_raises(key: Any) -> None:
    assert "but a key is text" in refused(code={key: {"job_id": 5}})


def test_resolve_jobs_ignores_config_keys_that_are_no_strings() -> None:
    config: dict[Any, Any] = {5: "x", None: 1, "DATABRICKS_JOB_ETL": 1}
    assert ids(jobs(config=config)) == {"etl": 1}


def test_resolve_jobs_bundle_job_with_reserved_key_only_warns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ids(jobs(local={"webhook": 101, "etl": 102})) == {"etl": 102}
    assert "The bundle names a job 'webhook'" in caplog.text


def test_resolve_jobs_variable_named_like_a_route_gives_an_id() -> None:
    found = jobs({"streaming": {"job_id": 5}, "Stream": {}}, environ={"DATABRICKS_JOB_STREAM": "6"})
    assert ids(found) == {"streaming": 5, "Stream": 6}


def test_resolve_jobs_config_that_is_no_mapping_raises() -> None:
    assert "LAKEFLOW_JOBS" in refused(config={"LAKEFLOW_JOBS": ["etl"]})
    assert "LAKEFLOW_JOBS" in refused(environ={"LAKEFLOW_JOBS": "etl"})


def test_resolve_jobs_bundle_ids_override_all_others() -> None:
    found = jobs(
        {"etl": JobConfig(job_id=1, task_type="notebook")},
        environ={"DATABRICKS_JOB_ETL": "2", "DATABRICKS_JOB_REPORT": "3"},
        local={"etl": 101, "report": 102, "extra": 103},
    )
    assert ids(found) == {"etl": 101, "report": 102, "extra": 103}
    assert found["etl"].task_type == "notebook"


def test_resolve_jobs_bundle_description_applies_where_the_app_has_none() -> None:
    found = jobs(
        {"etl": JobConfig(description="of the app"), "report": {}},
        local={"etl": 101, "report": 102, "extra": 103},
        described={"etl": "of the bundle", "report": "of the bundle"},
    )
    descriptions = {key: job.description for key, job in found.items()}
    assert descriptions == {"etl": "of the app", "report": "of the bundle", "extra": None}
