"""The example app: parameters, page and imports."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask import Flask

from example_app import app as served_app
from example_app import create_app
from example_app.app import EtlParams
from flask_lakeflow_jobs.local import stop_workspace
from tests.example.support import EXAMPLE
from tests.support import DEADLINE

NOT_2013 = "The data has only the flights of 2013."


@pytest.mark.parametrize(
    ("start", "end", "errors"),
    [
        ("2013-01-01", "2013-12-31", {}),
        ("2013-02-03", "2013-02-03", {}),
        ("2012-12-31", "2014-01-01", {"startDate": [NOT_2013], "endDate": [NOT_2013]}),
        ("2013-01-02", "2013-01-01", {"endDate": ["The last day is before the first."]}),
        ("2013-02-30", "2013-03-01", {"startDate": ["Not a valid date."]}),
    ],
)
def test_etl_params_accept_a_range_of_days_in_2013(
    start: str, end: str, errors: dict[str, list[str]]
) -> None:
    assert EtlParams().validate({"startDate": start, "endDate": end}) == errors


def test_etl_params_require_both_days_and_nothing_else() -> None:
    errors = EtlParams().validate({"dataPath": "/etc"})
    assert set(errors) == {"startDate", "endDate", "dataPath"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    yield create_app(str(tmp_path))
    stop_workspace(tmp_path / "lakeflow")


def links(page: str) -> list[str]:
    return re.findall(r'(?:href|src|data-etl|data-report)="([^"]+)"', page)


def test_page_and_its_links_exist(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/")
    assert page.status_code == 200
    found = links(page.text)
    assert len(found) == 8
    for link in found:
        with client.get(link) as response:
            assert response.status_code == 200, link
    seen, scripts = set(), {"/static/page.js"}
    while scripts:
        script = scripts.pop()
        seen.add(script)
        with client.get(script) as response:
            assert response.status_code == 200, script
            imported = re.findall(r'from "(\..+\.js)"', response.get_data(as_text=True))
        scripts |= {urljoin(script, name) for name in imported} - seen
    assert {"/static/draw.js", "/api/jobs/lakeflow.js"} < seen


def test_page_behind_a_prefix_has_prefixed_links(app: Flask) -> None:
    page = app.test_client().get("/", base_url="http://localhost/apps/flights/")
    assert all(link.startswith("/apps/flights/") for link in links(page.text))


def test_page_complies_with_its_content_security_policy(app: Flask) -> None:
    page = app.test_client().get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page.text)
    for script in (EXAMPLE / "static").glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b", script.read_text())


def test_app_has_the_jobs_of_the_bundle(app: Flask) -> None:
    jobs = app.test_client().get("/api/jobs").get_json()["jobs"]
    assert [job["key"] for job in jobs] == ["etl", "report"]
    assert set(jobs[0]["params"]["properties"]) == {"startDate", "endDate", "failOnce"}


def test_processes_of_the_app_share_a_secret_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, again, other = (create_app(str(tmp_path / name)) for name in ("one", "one", "other"))
    assert one.secret_key == again.secret_key != other.secret_key
    assert (tmp_path / "one" / "secret_key").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["secret_key"]
    monkeypatch.setenv("SECRET_KEY", "of the host")
    assert create_app(str(tmp_path / "one")).secret_key == "of the host"


def test_create_app_uses_the_given_instance_path(tmp_path: Path) -> None:
    one, other = (create_app(str(tmp_path / name)) for name in ("one", "other"))
    assert one.instance_path != other.instance_path != served_app.instance_path


@pytest.mark.processes
@pytest.mark.parametrize(("folder", "module"), [(EXAMPLE.parent, "example_app"), (EXAMPLE, "app")])
def test_app_can_be_imported_as_package_and_from_its_folder(folder: Path, module: str) -> None:
    """From the root of the repository, and as Databricks Apps does it."""
    check = f"import {module} as m; print(m.app.test_client().get('/').status)"
    served = subprocess.run(
        [sys.executable, "-c", check], cwd=folder, capture_output=True, text=True, timeout=DEADLINE
    )
    assert served.stdout == "200 OK\n", served.stderr
