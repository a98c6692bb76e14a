"""Settings: the app's config first, the environment second, and what is wrong stops the start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import ConfigurationError
from flask_lakeflow_jobs.config.readers import SettingsReader
from flask_lakeflow_jobs.config.settings import Settings, load_settings
from flask_lakeflow_jobs.errors import quote


def no_bundle(path: Path) -> Mapping[str, int]:
    raise AssertionError(f"Nobody asked for the bundle {path}.")


def settings(
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    root: Path = Path("/nowhere"),
    bundle_jobs: Any = no_bundle,
) -> Settings:
    return load_settings(
        SettingsReader(config or {}, environ or {}), None, root=root, bundle_jobs=bundle_jobs
    )


def test_the_defaults_are_those_of_the_contract() -> None:
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
def test_a_setting_comes_from_the_app_or_as_text_from_the_environment(
    key: str, name: str, text: str, value: object
) -> None:
    assert getattr(settings({key: value}), name) == value
    assert getattr(settings({}, {key: text}), name) == value


@pytest.mark.parametrize(("key", "name", "text", "value"), KEYS)
def test_the_app_wins_over_the_environment_and_the_default_stands_for_nothing(
    key: str, name: str, text: str, value: object
) -> None:
    assert getattr(settings({key: value}, {key: "nonsense"}), name) == value
    default = getattr(settings(), name)
    assert getattr(settings({key: None}), name) == default
    assert getattr(settings({}, {key: ""}), name) == default


SECONDS = ["TIMEOUT", "READ_TIMEOUT", "WRITE_TIMEOUT", "WAIT_TIMEOUT", "POLL_INTERVAL"]
SECONDS += ["STREAM_MAX_SECONDS", "HEARTBEAT"]
NO_SECONDS = [0, -1, "0", "soon", "nan", "inf", True, [], 10**400, 10**5000]
NO_COUNTS = [0, -1, "1.5", 1.5, "three", True, [], "٣", "9" * 5000, 10**5000]

BAD = [
    *((name, value) for name in SECONDS for value in NO_SECONDS),
    *(("READ_ATTEMPTS", value) for value in NO_COUNTS),
    *(("MAX_STREAMS", value) for value in NO_COUNTS[1:]),
    *(("CACHE_TTL", value) for value in [-1, "nan", True]),
    *(("CONSOLE", value) for value in ["maybe", 2, []]),
    *(("CACHE", value) for value in ["{", "[]", 5, ["SimpleCache"], {}, "{}", {"CACHE_DIR": "x"}]),
    *(("BUNDLE", value) for value in [5, ["databricks.yml"]]),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: quote(value)[:20])
def test_a_bad_value_stops_the_start_with_the_name_of_its_key(name: str, value: object) -> None:
    key = f"LAKEFLOW_JOBS_{name}"
    with pytest.raises(ConfigurationError, match=rf"^{key}\b"):
        settings({key: value})
    if isinstance(value, str):
        with pytest.raises(ConfigurationError, match=rf"^{key}\b"):
            settings({}, {key: value})


@given(
    name=st.sampled_from([*SECONDS, "READ_ATTEMPTS", "MAX_STREAMS", "CACHE_TTL", "CONSOLE"]),
    text=st.text(max_size=8),
)
def test_any_text_in_the_environment_is_a_setting_or_a_clear_refusal(name: str, text: str) -> None:
    key = f"LAKEFLOW_JOBS_{name}"
    try:
        settings({}, {key: text})
    except ConfigurationError as refusal:
        sentence = str(refusal)
    else:
        return
    assert sentence.startswith(key)


@pytest.mark.parametrize("name", ["READ_TIMEOUT", "WRITE_TIMEOUT"])
def test_what_one_timeout_overrides_is_checked_all_the_same(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        settings({"LAKEFLOW_JOBS_TIMEOUT": 5, f"LAKEFLOW_JOBS_{name}": "abc"})


def test_one_timeout_overrides_both_tiers() -> None:
    both = settings({"LAKEFLOW_JOBS_TIMEOUT": 9, "LAKEFLOW_JOBS_READ_TIMEOUT": 1})
    assert (both.read_timeout, both.write_timeout) == (9.0, 9.0)


def test_what_the_sdk_reads_itself_is_taken_from_the_app_only() -> None:
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


def test_secrets_show_in_no_repr() -> None:
    shown = repr(
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
            }
        )
    )
    for secret in ("dapi-secret", "very-secret", "hidden", "correct-horse"):
        assert secret not in shown


@pytest.mark.parametrize("where", ["config", "environ"])
def test_the_login_of_notifications_is_whole_or_not_there(where: str) -> None:
    user, password = "LAKEFLOW_JOBS_WEBHOOK_USERNAME", "LAKEFLOW_JOBS_WEBHOOK_PASSWORD"

    def read(given: dict[str, Any]) -> Settings:
        return settings(given) if where == "config" else settings({}, given)

    both = read({user: "databricks", password: "correct-horse"})
    assert (both.webhook_username, both.webhook_password) == ("databricks", "correct-horse")
    assert both.accepts_notifications
    for neither in ({}, {user: "", password: ""}):
        assert not read(neither).accepts_notifications
    for half, missing in (({user: "databricks"}, password), ({password: "correct-horse"}, user)):
        with pytest.raises(ConfigurationError, match=f"without {missing}") as caught:
            read(half)
        assert "correct-horse" not in str(caught.value)


def test_a_login_that_cannot_be_sent_is_refused() -> None:
    password = {"LAKEFLOW_JOBS_WEBHOOK_PASSWORD": "correct-horse"}
    with pytest.raises(ConfigurationError, match="no colon"):
        settings({"LAKEFLOW_JOBS_WEBHOOK_USERNAME": "data:bricks", **password})
    with pytest.raises(ConfigurationError, match="LAKEFLOW_JOBS_WEBHOOK_PASSWORD must be text"):
        settings({"LAKEFLOW_JOBS_WEBHOOK_PASSWORD": 12345678})


# ── the bundle ────────────────────────────────────────────────────────────────────────────────────


def jobs_of(path: Path) -> Mapping[str, int]:
    assert path.name == "databricks.yml"
    return {"etl": 11}


def test_a_bundle_gives_jobs_where_no_workspace_is_named() -> None:
    local = settings({"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"}, bundle_jobs=jobs_of)
    assert local.bundle is not None
    assert local.jobs["etl"].job_id == 11


@pytest.mark.parametrize("where", ["config", "environ"])
def test_with_a_workspace_named_the_bundle_is_not_even_read(where: str) -> None:
    host = {"DATABRICKS_HOST": "https://w"}
    remote = settings(
        {"LAKEFLOW_JOBS_BUNDLE": "databricks.yml"} | (host if where == "config" else {}),
        host if where == "environ" else {},
    )
    assert remote.bundle is None
    assert remote.jobs == {}


def test_a_relative_bundle_is_looked_for_beside_the_app(tmp_path: Path) -> None:
    (tmp_path / "databricks.yml").touch()
    for value in ("databricks.yml", Path("databricks.yml"), tmp_path / "databricks.yml"):
        found = settings({"LAKEFLOW_JOBS_BUNDLE": value}, root=tmp_path, bundle_jobs=jobs_of)
        assert found.bundle == (tmp_path / "databricks.yml").resolve()
