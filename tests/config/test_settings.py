"""Settings from app config and environment, their defaults and their errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import ConfigurationError
from flask_lakeflow_jobs.config.jobs import LocalJob
from flask_lakeflow_jobs.config.keys import KEYS as KEYS_OF_THE_APP
from flask_lakeflow_jobs.config.keys import SDK_KEYS
from flask_lakeflow_jobs.config.readers import SettingsReader
from flask_lakeflow_jobs.config.settings import AppSettings, load_settings


def no_bundle(path: Path) -> Mapping[str, LocalJob]:
    raise AssertionError(f"The bundle {path} must not be read.")


def settings(
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    root: Path = Path("/nowhere"),
    read_bundle_jobs: Any = no_bundle,
) -> AppSettings:
    return load_settings(
        SettingsReader(config or {}, environ or {}),
        None,
        root=root,
        read_bundle_jobs=read_bundle_jobs,
    )


def test_settings_defaults_match_the_contract() -> None:
    default = settings()
    assert default.jobs == {}
    assert default.bundle is None
    assert default.poll_interval == 5.0
    assert default.read_timeout == 30.0
    assert default.write_timeout == 120.0
    assert default.read_attempts == 3
    assert default.wait_timeout == 600.0
    assert default.cache_ttl == 60.0
    assert default.cache == {"CACHE_TYPE": "SimpleCache"}
    assert default.console is False


KEYS: list[tuple[str, str, Any, Any]] = [
    ("LAKEFLOW_JOBS_POLL_INTERVAL", "poll_interval", "2.5", 2.5),
    ("LAKEFLOW_JOBS_READ_TIMEOUT", "read_timeout", "7", 7.0),
    ("LAKEFLOW_JOBS_WRITE_TIMEOUT", "write_timeout", "7", 7.0),
    ("LAKEFLOW_JOBS_READ_ATTEMPTS", "read_attempts", "5", 5),
    ("LAKEFLOW_JOBS_WAIT_TIMEOUT", "wait_timeout", "60", 60.0),
    ("LAKEFLOW_JOBS_CACHE_TTL", "cache_ttl", "0", 0.0),
    ("LAKEFLOW_JOBS_MAX_STREAMS", "max_streams", "0", 0),
    ("LAKEFLOW_JOBS_STREAM_MAX_SECONDS", "stream_max_seconds", "100", 100.0),
    ("LAKEFLOW_JOBS_HEARTBEAT", "heartbeat", "3", 3.0),
    ("LAKEFLOW_JOBS_CONSOLE", "console", "yes", True),
    ("LAKEFLOW_JOBS_CACHE", "cache", '{"CACHE_TYPE": "NullCache"}', {"CACHE_TYPE": "NullCache"}),
]


@pytest.mark.parametrize(("key", "name", "text", "value"), KEYS)
def test_setting_is_read_from_app_config_or_environment(
    key: str, name: str, text: str, value: object
) -> None:
    assert getattr(settings({key: value}), name) == value
    assert getattr(settings({}, {key: text}), name) == value


@pytest.mark.parametrize(("key", "name", "text", "value"), KEYS)
def test_setting_in_app_config_overrides_environment_and_default(
    key: str, name: str, text: str, value: object
) -> None:
    assert getattr(settings({key: value}, {key: "nonsense"}), name) == value
    assert getattr(settings({key: None}), name) == getattr(settings(), name)


@pytest.mark.parametrize("key", [key.name for key in KEYS_OF_THE_APP])
def test_setting_that_is_empty_counts_as_not_set(key: str) -> None:
    assert settings({key: ""}) == settings({}, {key: ""}) == settings()


SECONDS = ["TIMEOUT", "READ_TIMEOUT", "WRITE_TIMEOUT", "WAIT_TIMEOUT", "POLL_INTERVAL"]
SECONDS += ["STREAM_MAX_SECONDS", "HEARTBEAT"]
NO_SECONDS = [0, -1, "0", "soon", "nan", "inf", True, [], 1e7, 10**400, 10**5000]
NO_COUNTS = [0, -1, "1.5", 1.5, "three", True, [], "٣", "9" * 5000, 10**5000]

BAD: dict[str, list[Any]] = {
    **dict.fromkeys(SECONDS, NO_SECONDS),
    "READ_ATTEMPTS": NO_COUNTS,
    "MAX_STREAMS": NO_COUNTS[1:],
    "CACHE_TTL": [-1, "nan", True],
    "CONSOLE": ["maybe", 2, []],
    "CACHE": ["{", "[]", 5, ["SimpleCache"], {}, "{}", {"CACHE_DIR": "x"}],
    "BUNDLE": [5, 10**5000, ["databricks.yml"], "\0", "x" * 5000],
}


@pytest.mark.parametrize("name", BAD)
def test_setting_with_invalid_value_raises_error_that_names_its_key(name: str) -> None:
    key = f"LAKEFLOW_JOBS_{name}"
    for value in BAD[name]:
        with pytest.raises(ConfigurationError, match=rf"^{key}\b"):
            settings({key: value})
        if isinstance(value, str):
            with pytest.raises(ConfigurationError, match=rf"^{key}\b"):
                settings({}, {key: value})


@given(
    name=st.sampled_from([*SECONDS, "READ_ATTEMPTS", "MAX_STREAMS", "CACHE_TTL", "CONSOLE"]),
    text=st.text(max_size=8),
)
def test_setting_with_any_environment_text_is_valid_or_names_its_key(name: str, text: str) -> None:
    key = f"LAKEFLOW_JOBS_{name}"
    try:
        settings({}, {key: text})
    except ConfigurationError as refusal:
        sentence = str(refusal)
    else:
        return
    assert sentence.startswith(key)


@pytest.mark.parametrize("name", ["READ_TIMEOUT", "WRITE_TIMEOUT"])
def test_overridden_timeout_is_still_validated(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        settings({"LAKEFLOW_JOBS_TIMEOUT": 5, f"LAKEFLOW_JOBS_{name}": "abc"})


def test_timeout_overrides_read_and_write_timeouts() -> None:
    both = settings({"LAKEFLOW_JOBS_TIMEOUT": 9, "LAKEFLOW_JOBS_READ_TIMEOUT": 1})
    assert (both.read_timeout, both.write_timeout) == (9.0, 9.0)


def test_sdk_settings_are_read_from_app_config_only() -> None:
    config = {
        "DATABRICKS_HOST": "https://w",
        "DATABRICKS_TOKEN": "t",
        "DATABRICKS_CLIENT_ID": "i",
        "DATABRICKS_CLIENT_SECRET": "s",
        "DATABRICKS_CONFIG_PROFILE": "p",
    }
    assert settings(config).sdk == {
        "host": "https://w",
        "token": "t",
        "client_id": "i",
        "client_secret": "s",
        "profile": "p",
    }
    assert settings({"DATABRICKS_TOKEN": ""}, {"DATABRICKS_HOST": "https://e"}).sdk == {}
    assert settings({"DATABRICKS_CLIENT_ID": 12}).sdk == {"client_id": "12"}


def test_sdk_settings_are_read_without_blanks_around_them() -> None:
    """A file of a secret ends with a newline, which no header may contain."""
    environ = {"DATABRICKS_TOKEN": "t\n", "DATABRICKS_CLIENT_ID": "i"}
    assert settings({"DATABRICKS_TOKEN": " t\r\n"}).sdk == {"token": "t"}
    assert settings({}, environ).sdk == {"token": "t"}
    assert settings({"DATABRICKS_TOKEN": "other"}, environ).sdk == {"token": "other"}


@pytest.mark.parametrize("name", SDK_KEYS)
@pytest.mark.parametrize("value", [True, ["hunter2"], {"hunter2": 1}, b"hunter2", 1.5])
def test_sdk_setting_that_is_no_text_raises(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} must be text") as caught:
        settings({name: value})
    assert "hunter2" not in str(caught.value)


def test_settings_repr_hides_secrets() -> None:
    text = repr(
        settings(
            {
                "DATABRICKS_TOKEN": "dapi-secret",
                "DATABRICKS_CLIENT_SECRET": "very-secret",
                "LAKEFLOW_JOBS_CACHE": {
                    "CACHE_TYPE": "RedisCache",
                    "CACHE_REDIS_URL": "redis://:hidden@r",
                },
                "LAKEFLOW_JOBS_WEBHOOK_USERNAME": "databricks",
                "LAKEFLOW_JOBS_WEBHOOK_PASSWORD": "correct-horse",
                "LAKEFLOW_JOBS_WEBHOOK_TOKEN": "bearer-secret",
                "LAKEFLOW_JOBS_RECORD_URL": "postgresql://app:record-secret@db.example/jobs",
                "LAKEFLOW_JOBS_NOTIFY": "json://app:notify-secret@hooks.example",
            }
        )
    )
    for secret in ("-secret", "hidden", "correct-horse"):
        assert secret not in text


@pytest.mark.parametrize("where", ["config", "environ"])
def test_webhook_credentials_require_username_and_password(where: str) -> None:
    user, password = "LAKEFLOW_JOBS_WEBHOOK_USERNAME", "LAKEFLOW_JOBS_WEBHOOK_PASSWORD"

    def read(values: dict[str, Any]) -> AppSettings:
        return settings(values) if where == "config" else settings({}, values)

    both = read({user: "databricks", password: "correct-horse"})
    assert (both.webhook_username, both.webhook_password) == ("databricks", "correct-horse")
    assert both.accepts_notifications
    for neither in ({}, {user: "", password: ""}):
        assert not read(neither).accepts_notifications
    for half, missing in (({user: "databricks"}, password), ({password: "correct-horse"}, user)):
        with pytest.raises(ConfigurationError, match=f"requires {missing}") as caught:
            read(half)
        assert "correct-horse" not in str(caught.value)


def test_webhook_token_alone_accepts_notifications() -> None:
    alone = settings({"LAKEFLOW_JOBS_WEBHOOK_TOKEN": "horse"})
    assert (alone.webhook_username, alone.webhook_token) == (None, "horse")
    assert alone.accepts_notifications
    assert not settings({"LAKEFLOW_JOBS_WEBHOOK_TOKEN": ""}).accepts_notifications


def test_webhook_credentials_are_read_without_the_end_of_a_line() -> None:
    """No request carries it, so each notification would be refused."""
    names = [f"LAKEFLOW_JOBS_WEBHOOK_{name}" for name in ("USERNAME", "PASSWORD", "TOKEN")]
    read = settings(dict.fromkeys(names, " x \r\n"))
    assert (read.webhook_username, read.webhook_password, read.webhook_token) == (" x ",) * 3
    with pytest.raises(ConfigurationError, match=f"{names[2]} is blank"):
        settings({names[2]: "\n"})


def test_webhook_credentials_with_colon_or_number_are_invalid() -> None:
    password = {"LAKEFLOW_JOBS_WEBHOOK_PASSWORD": "correct-horse"}
    with pytest.raises(ConfigurationError, match="must not contain a colon"):
        settings({"LAKEFLOW_JOBS_WEBHOOK_USERNAME": "data:bricks", **password})
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_WEBHOOK_PASSWORD must be text"):
        settings({"LAKEFLOW_JOBS_WEBHOOK_PASSWORD": 12345678})


def jobs_of(path: Path) -> Mapping[str, LocalJob]:
    assert path.name == "databricks.yml"
    return {"etl": LocalJob(11)}


def test_bundle_without_host_defines_jobs() -> None:
    local = settings({"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"}, read_bundle_jobs=jobs_of)
    assert local.bundle is not None
    assert local.jobs["etl"].job_id == 11


@pytest.mark.parametrize("where", ["config", "environ"])
def test_bundle_with_host_is_not_read(where: str) -> None:
    host = {"DATABRICKS_HOST": "https://w"}
    remote = settings(
        {"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"} | (host if where == "config" else {}),
        host if where == "environ" else {},
    )
    assert remote.bundle is None
    assert remote.jobs == {}


def test_bundle_path_is_relative_to_the_app_root(tmp_path: Path) -> None:
    (tmp_path / "databricks.yml").touch()
    for value in ("databricks.yml", Path("databricks.yml"), tmp_path / "databricks.yml"):
        found = settings({"LAKEFLOW_JOBS_BUNDLE": value}, root=tmp_path, read_bundle_jobs=jobs_of)
        assert found.bundle == (tmp_path / "databricks.yml").resolve()


def test_settings_unknown_key_warns_and_suggests_the_closest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config: dict[Any, Any] = {"LAKEFLOW_JOBS_POLL_INTERVALL": 2, 5: None}
    settings(config, environ={"LAKEFLOW_JOBS_QX": "1"})
    settings({"LAKEFLOW_CONSOLE": True, "LAKEFLOW_JOB_BUNDLE": "a", "LAKEFLOW_OTHER": 1})
    first, second, *slips = caplog.messages
    assert [message.split()[-1] for message in slips] == [
        "LAKEFLOW_JOBS_CONSOLE?",
        "LAKEFLOW_JOBS_BUNDLE?",
    ]
    assert first.endswith("and is ignored. Did you mean LAKEFLOW_JOBS_POLL_INTERVAL?")
    assert second == "LAKEFLOW_JOBS_QX is not a setting and is ignored. Remove it."


def test_settings_known_keys_give_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    settings({key.name: key.default for key in KEYS_OF_THE_APP})
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"LAKEFLOW_JOBS_FOLLOW": True}, "LAKEFLOW_JOBS_FOLLOW"),
        (
            {"LAKEFLOW_JOBS_NOTIFY": "json://u:hunter2@x", "DATABRICKS_JOB_ETL": 1},
            "LAKEFLOW_JOBS_NOTIFY",
        ),
    ],
)
def test_setting_that_needs_the_record_names_both_keys(config: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(config)
    assert str(caught.value).startswith(f"{key} ")
    assert "requires LAKEFLOW_JOBS_RECORD_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert settings({**config, "LAKEFLOW_JOBS_RECORD_URL": True}).record_url is True


def test_setting_follow_of_a_job_is_checked() -> None:
    with pytest.raises(ConfigurationError, match=r"follow must be 'own', 'all' or False"):
        settings({"LAKEFLOW_JOBS": {"etl": {"job_id": 1, "follow": "some"}}})
