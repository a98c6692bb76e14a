"""Secrets: read from the environment, redacted in what is printed."""

from __future__ import annotations

import sys

import pytest

from flask_lakeflow_jobs.local.lakeflow_child import secrets
from flask_lakeflow_jobs.local.lakeflow_child.secrets import (
    SecretsUtils,
    insert_secrets,
    redact_secrets,
)


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two secrets, of which none has been read, and streams that the test may replace."""
    monkeypatch.setattr(secrets, "_values_to_redact", set())
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setenv("LAKEFLOW_SECRET_MY_SCOPE_DB_PASSWORD", "hunter2")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_KEY", "hunter22")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_EMPTY", "")


def test_secret_is_redacted_once_it_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert redact_secrets("hunter2") == "hunter2"
    assert SecretsUtils().get(scope="my-scope", key="db.password") == "hunter2"
    assert SecretsUtils().getBytes("prod", "key") == b"hunter22"
    assert redact_secrets("a hunter22 and hunter2") == "a [REDACTED] and [REDACTED]"
    print("it is hunter2")
    print("hunter22", file=sys.stderr)
    sys.stdout.writelines(["a", "hunter2", "\n"])
    assert tuple(capsys.readouterr()) == ("it is [REDACTED]\na[REDACTED]\n", "[REDACTED]\n")


def test_empty_secret_redacts_nothing() -> None:
    assert SecretsUtils().get("prod", "empty") == ""
    assert redact_secrets("text") == "text"


def test_missing_secret_names_its_variable() -> None:
    with pytest.raises(ValueError, match="Set LAKEFLOW_SECRET_MY_SCOPE_A_KEY in the environment"):
        SecretsUtils().get("my-scope", "a key")


def test_insert_secrets_replaces_references() -> None:
    text = "a={{secrets/my-scope/db.password}} b={{secrets/prod/key}} c={{secrets/x}}"
    assert insert_secrets(text) == "a=hunter2 b=hunter22 c={{secrets/x}}"
