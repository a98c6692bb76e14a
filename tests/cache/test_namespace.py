"""The namespaces of the shared cache, which keep apps with other credentials apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.core import Config

from flask_lakeflow_jobs import UpstreamUnauthenticated, current_jobs
from flask_lakeflow_jobs.cache.namespace import CacheNamespace, cache_namespace
from flask_lakeflow_jobs.config.readers import SettingsReader
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import ALICE, BOB

HOST = {"DATABRICKS_HOST": "https://one.example"}
INSTANCE = Path("/app/instance")


def namespace(
    config: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    *,
    bundle: Path | None = None,
    instance: Path = INSTANCE,
) -> CacheNamespace:
    return cache_namespace(SettingsReader(config or {}, environ or {}), bundle, instance)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"config": HOST}, {"config": {"DATABRICKS_HOST": "https://two.example"}}),
        ({"config": HOST}, {"config": {**HOST, "DATABRICKS_TOKEN": "t"}}),
        ({"config": HOST, "environ": {"DATABRICKS_CLIENT_ID": "a"}}, {"config": HOST}),
        ({"config": HOST, "environ": {"ARM_CLIENT_ID": "a"}}, {"config": HOST}),
        ({"config": {"DATABRICKS_CONFIG_PROFILE": "a"}}, {}),
        ({"bundle": Path("/app/databricks.yml")}, {"bundle": Path("/other/databricks.yml")}),
        (
            {"bundle": Path("/a.yml")},
            {"bundle": Path("/a.yml"), "instance": Path("/other/instance")},
        ),
        ({"bundle": Path("/a.yml")}, {"config": HOST}),
    ],
)
def test_cache_namespace_differs_by_workspace_and_credentials(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert namespace(**one) != namespace(**other)


@pytest.mark.parametrize(
    "name",
    [
        *("DATABRICKS_ACCOUNT_ID", "DATABRICKS_WORKSPACE_ID"),
        *(each.env for each in Config.attributes() if each.auth and each.name != "password"),
    ],
)
def test_cache_namespace_differs_by_each_login_that_the_sdk_reads(name: str) -> None:
    assert len({namespace(HOST, environ) for environ in ({}, {name: "a"}, {name: "b"})}) == 3


@pytest.mark.parametrize("error", [RuntimeError("no home"), PermissionError("not yours")])
def test_cache_namespace_without_readable_profiles_is_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(self: Path) -> Path:
        raise error

    monkeypatch.setattr(Path, "expanduser", fail)
    assert namespace() == namespace()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"config": HOST}, {"environ": HOST}),
        ({"config": HOST}, {"config": HOST, "environ": {"DATABRICKS_APP_PORT": "8000"}}),
        ({"config": HOST}, {"config": HOST, "instance": Path("/another/machine")}),
        ({"config": HOST}, {"config": {**HOST, "LAKEFLOW_JOBS_POLL_INTERVAL": 1}}),
        ({"config": HOST}, {"config": {**HOST, "DATABRICKS_PASSWORD": "guessable"}}),
    ],
)
def test_cache_namespace_is_equal_for_processes_of_one_app(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert namespace(**one) == namespace(**other)


def test_cache_namespace_without_host_depends_on_profiles(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    config = {"DATABRICKS_CONFIG_FILE": str(profiles)}
    before = namespace(config)
    profiles.write_text("[DEFAULT]\nhost = https://one.example\n password = secret\n")
    after = namespace(config)
    assert after != before
    profiles.write_text("[DEFAULT]\nhost = https://one.example\n password = guessed\n")
    assert namespace(config) == after, "a name that depends on a password lets it be guessed"


def test_cache_namespace_hides_credentials() -> None:
    assert "secret" not in namespace({**HOST, "DATABRICKS_TOKEN": "secret"})


class TestOnOneCache:
    @pytest.fixture
    def cache(self, tmp_path: Path) -> dict[str, Any]:
        return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}

    def test_shared_cache_serves_no_app_with_other_credentials(
        self, make_app: MakeApp, cache: dict[str, Any]
    ) -> None:
        allowed = make_app(LAKEFLOW_JOBS_CACHE=cache)
        refused = make_app(LAKEFLOW_JOBS_CACHE=cache, DATABRICKS_TOKEN="nobody's")
        with allowed.app_context():
            run_id = current_jobs["never"].run_now().run_id
            assert current_jobs["never"].get_run(run_id).run_id == run_id

        with refused.app_context(), pytest.raises(UpstreamUnauthenticated):
            current_jobs["never"].get_run(run_id)

    def test_shared_cache_separates_idempotency_keys_of_apps(
        self, make_app: MakeApp, cache: dict[str, Any], fault_proxy: FaultyWorkspace
    ) -> None:
        for token in (ALICE, BOB):
            app = make_app(LAKEFLOW_JOBS_CACHE=cache, DATABRICKS_TOKEN=token)
            with app.app_context():
                current_jobs["never"].run_now({"who": token[:1]}, idempotency_key="click")

        assert len(fault_proxy.find_requests("POST", "run-now")) == 2
