"""Apps that share a cache, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs import UpstreamUnauthenticated, current_jobs
from flask_lakeflow_jobs.cache import cache_namespace
from flask_lakeflow_jobs.config.readers import SettingsReader
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp
from tests.support import ALICE, BOB

HOST = {"DATABRICKS_HOST": "https://one.example"}
INSTANCE = Path("/app/instance")


def scope(
    config: dict[str, Any] | None = None,
    environ: dict[str, str] | None = None,
    *,
    bundle: Path | None = None,
    instance: Path = INSTANCE,
) -> str:
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
def test_another_workspace_or_other_credentials_are_another_scope(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert scope(**one) != scope(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"config": HOST}, {"environ": HOST}),
        ({"config": HOST}, {"config": HOST, "environ": {"DATABRICKS_APP_PORT": "8000"}}),
        ({"config": HOST}, {"config": HOST, "instance": Path("/another/machine")}),
        ({"config": HOST}, {"config": {**HOST, "LAKEFLOW_JOBS_POLL_INTERVAL": 1}}),
    ],
)
def test_processes_of_one_app_have_one_scope(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert scope(**one) == scope(**other)


def test_without_a_host_the_profiles_count(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    config = {"DATABRICKS_CONFIG_FILE": str(profiles)}
    before = scope(config)
    profiles.write_text("[DEFAULT]\nhost = https://one.example\n")

    assert scope(config) != before


def test_it_gives_no_credential_away() -> None:
    assert "secret" not in scope({**HOST, "DATABRICKS_TOKEN": "secret"})


class TestOnOneCache:
    @pytest.fixture
    def cache(self, tmp_path: Path) -> dict[str, Any]:
        return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(tmp_path / "cache")}

    def test_nobody_reads_with_the_permissions_of_another_app(
        self, make_app: MakeApp, cache: dict[str, Any]
    ) -> None:
        allowed = make_app(LAKEFLOW_JOBS_CACHE=cache)
        refused = make_app(LAKEFLOW_JOBS_CACHE=cache, DATABRICKS_TOKEN="nobody's")
        with allowed.app_context():
            run_id = current_jobs["never"].run_now().run_id
            assert current_jobs["never"].get_run(run_id).run_id == run_id

        with refused.app_context(), pytest.raises(UpstreamUnauthenticated):
            current_jobs["never"].get_run(run_id)

    def test_the_intents_of_one_are_not_those_of_another(
        self, make_app: MakeApp, cache: dict[str, Any], fault_proxy: FaultyWorkspace
    ) -> None:
        for token in (ALICE, BOB):
            app = make_app(LAKEFLOW_JOBS_CACHE=cache, DATABRICKS_TOKEN=token)
            with app.app_context():
                current_jobs["never"].run_now({"who": token[:1]}, idempotency_key="click")

        assert len(fault_proxy.find_requests("POST", "run-now")) == 2
