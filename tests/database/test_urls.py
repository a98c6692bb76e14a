"""The URL of a database, and its driver."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from flask_lakeflow_jobs import ConfigurationError
from flask_lakeflow_jobs.database.urls import (
    MIN_PSYCOPG,
    PSYCOPG,
    parse_database_url,
    parse_version,
)

URL = "postgresql+psycopg://app:s3cret@db.example.com/jobs"
ROOT = Path(__file__).parents[2]


def parse(url: str | bool) -> str:
    parsed = parse_database_url(url, instance_path=Path("/app"), setting="X_URL")
    return parsed.render_as_string()


def install_psycopg(version: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    module = None if version is None else ModuleType("psycopg")
    if module is not None:
        module.__version__ = str(version)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psycopg", module)


@pytest.mark.parametrize("version", [None, "3.1.18", "3.2.3", "3.2.10", "3.2.10.dev1"])
def test_postgres_with_missing_or_old_driver_says_what_to_install(
    version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_psycopg(version, monkeypatch)
    with pytest.raises(ConfigurationError, match=re.escape(f"pip install '{PSYCOPG}'")) as caught:
        parse(URL)
    assert "X_URL requires" in caught.value.detail
    assert "s3cret" not in caught.value.detail


@pytest.mark.parametrize("version", ["3.2.11", "3.3.0", "3.10", "4.0.0b1"])
def test_postgres_with_newer_driver_is_accepted(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_psycopg(version, monkeypatch)
    assert parse(URL) == "postgresql+psycopg://app:***@db.example.com/jobs"


def test_lowest_driver_is_that_of_the_tests() -> None:
    lines = (ROOT / "pyproject.toml").read_text()
    assert set(re.findall(r'"(psycopg\[binary\][^"]*)"', lines)) == {PSYCOPG}
    assert parse_version(PSYCOPG.partition(">=")[2]) == MIN_PSYCOPG


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        (True, "sqlite:////app/lakeflow-record.sqlite3"),
        ("sqlite:///own.db", "sqlite:////app/own.db"),
        ("sqlite:////srv/own.db", "sqlite:////srv/own.db"),
    ],
)
def test_sqlite_path_is_relative_to_the_instance_folder(url: str | bool, parsed: str) -> None:
    assert parse(url) == parsed


@pytest.mark.parametrize("url", [True, "sqlite:///x.sqlite3"])
def test_folder_whose_name_is_not_utf8_is_refused(url: str | bool) -> None:
    with pytest.raises(ConfigurationError, match=r"X_URL names the file '/app.udcff/.* not UTF-8"):
        parse_database_url(url, instance_path=Path("/app\udcff"), setting="X_URL")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x?mode=memory",
        "sqlite:///x?timeout=abc",
        "no url",
        "",
    ],
)
def test_other_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="X_URL must"):
        parse(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_scheme_of_postgres_selects_the_driver(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_psycopg("3.3.0", monkeypatch)
    assert parse(f"{scheme}://app@db/jobs") == "postgresql+psycopg://app@db/jobs"


@pytest.mark.parametrize("password", ["s3@cret", "s3@cret/x", "s3@cret:1"])
def test_password_with_an_at_sign_is_refused_and_not_shown(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_psycopg("3.3.0", monkeypatch)
    with pytest.raises(ConfigurationError, match="%40") as caught:
        parse(f"postgresql://app:{password}@db.example.com/jobs")
    assert "cret" not in caught.value.detail
