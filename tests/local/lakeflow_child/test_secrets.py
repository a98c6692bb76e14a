"""Secrets: read from the environment."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.secrets import SecretsUtils, insert_secrets


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFLOW_SECRET_MY_SCOPE_DB_PASSWORD", "hunter2")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_KEY", "hunter22")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_EMPTY", "")


def test_secret_is_the_value_of_its_variable() -> None:
    assert SecretsUtils().get(scope="my-scope", key="db.password") == "hunter2"
    assert SecretsUtils().getBytes("prod", "key") == b"hunter22"
    assert SecretsUtils().get("prod", "empty") == ""


def test_missing_secret_names_its_variable() -> None:
    with pytest.raises(ValueError, match="Set LAKEFLOW_SECRET_MY_SCOPE_A_KEY in the environment"):
        SecretsUtils().get("my-scope", "a key")


def test_insert_secrets_replaces_references() -> None:
    text = "a={{secrets/my-scope/db.password}} b={{secrets/prod/key}} c={{secrets/x}}"
    assert insert_secrets(text) == "a=hunter2 b=hunter22 c={{secrets/x}}"
