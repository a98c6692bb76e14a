"""``dbutils.secrets``, from a workspace."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.dbutils_secrets import SecretsUtils
from tests.local.support import Client


@pytest.fixture
def secrets(client: Client, monkeypatch: pytest.MonkeyPatch) -> SecretsUtils:
    """The secrets of a workspace: of its environment, and a scope that was created."""
    monkeypatch.setenv("LAKEFLOW_SECRET_MY_SCOPE_DB_PASSWORD", "hunter2")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_EMPTY", "")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_KEY", "of the environment")
    client.sdk.secrets.create_scope("prod")
    client.sdk.secrets.put_secret("prod", "key", string_value="hunter22")
    return SecretsUtils(client.address.host, client.address.token)


def test_secret_is_that_of_its_scope_or_variable(secrets: SecretsUtils) -> None:
    assert secrets.get(scope="my-scope", key="db.password") == "hunter2"
    assert secrets.getBytes("prod", "key") == b"hunter22"
    assert secrets.get("prod", "empty") == ""


def test_missing_secret_names_its_variable(secrets: SecretsUtils) -> None:
    with pytest.raises(ValueError, match="set LAKEFLOW_SECRET_MY_SCOPE_A_KEY in the environment"):
        secrets.get("my-scope", "a key")


def test_scopes_and_keys_are_listed(secrets: SecretsUtils) -> None:
    (scope,) = secrets.listScopes()
    assert (scope.getName(), repr(scope)) == ("prod", "SecretScope(name='prod')")
    (secret,) = secrets.list("prod")
    assert (secret.key, repr(secret)) == ("key", "SecretMetadata(key='key')")


def test_insert_replaces_references(secrets: SecretsUtils) -> None:
    text = "a={{secrets/my-scope/db.password}} b={{secrets/prod/key}} c={{secrets/x}}"
    assert secrets.insert(text) == "a=hunter2 b=hunter22 c={{secrets/x}}"
