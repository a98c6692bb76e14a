"""Permissions on jobs, and the parameters that jobs accept."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from databricks.sdk.service.jobs import Job, JobPermissions
from marshmallow import Schema

from flask_lakeflow_jobs import JobNotFound, LakeflowJobsError, NotAllowed, UpstreamError
from flask_lakeflow_jobs.cli.doctor.findings import Level
from flask_lakeflow_jobs.cli.doctor.permissions import (
    check_parameters,
    check_permissions,
    is_missing_grant,
    may_run,
    report_unreadable_job,
)
from flask_lakeflow_jobs.cli.exit_codes import ExitCode
from tests.run_documents import JOB_ID, build_job

USER = {"userName": "ann@example.com", "groups": [{"display": "users"}, {"display": "etl"}]}
ADMIN = {"userName": "x", "groups": [{"display": "admins"}]}


def grant(level: str, **entry: str) -> JobPermissions:
    entries = [{**entry, "all_permissions": [{"permission_level": level}]}]
    return JobPermissions.from_dict({"access_control_list": entries})


@pytest.mark.parametrize(
    ("entry", "user", "is_named"),
    [
        ({"user_name": "ann@example.com"}, USER, True),
        ({"group_name": "etl"}, USER, True),
        ({"group_name": "others"}, USER, False),
        ({"service_principal_name": "1234"}, {"userName": "1234"}, True),
        ({}, {}, False),
    ],
)
@pytest.mark.parametrize(
    ("level", "is_enough"),
    [("CAN_MANAGE_RUN", True), ("IS_OWNER", True), ("CAN_VIEW", False), ("CAN_FLY", False)],
)
def test_may_run_needs_a_level_for_the_name_or_a_group(
    entry: dict[str, str], user: dict[str, Any], is_named: bool, level: str, is_enough: bool
) -> None:
    assert may_run(grant(level, **entry), user) is (is_named and is_enough)


def test_admins_may_run_every_job() -> None:
    assert may_run(grant("CAN_VIEW", user_name="bob@example.com"), ADMIN)


@pytest.mark.parametrize("groups", ["admins", 7, {"display": "admins"}, [None, "admins", ["x"]]])
def test_malformed_groups_of_a_user_count_as_none(groups: Any) -> None:
    user = {"userName": "ann@example.com", "groups": groups}
    assert may_run(grant("CAN_MANAGE", user_name="ann@example.com"), user)
    assert not may_run(grant("CAN_MANAGE", group_name="admins"), user)


@pytest.mark.parametrize(
    ("name", "principal"),
    [("ann@example.com", "user_name"), ("1234", "service_principal_name")],
)
def test_missing_permission_is_an_error_with_the_grant(name: str, principal: str) -> None:
    user = {"userName": name}
    (found,) = check_permissions(build_job(), grant("CAN_VIEW", group_name="users"), user)
    assert found.level is Level.ERROR
    assert found.message == f"{name} may view the job {JOB_ID}, but not run it."
    assert (
        f"- {principal}: {name}\n          level: CAN_MANAGE_RUN" in found.lines["databricks.yml"]
    )
    assert "a later deployment removed the grant" in found.remedy


DENIED = "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("error", "is_grant"),
    [
        (NotAllowed("User 1234 does not have permissions on job 5.", upstream_code=DENIED), True),
        (NotAllowed("It does not have required scopes: jobs.", upstream_code=DENIED), False),
        (NotAllowed("An IP access list denies access."), False),
        (UpstreamError("The workspace failed.", upstream_code=DENIED), False),
        (JobNotFound("The workspace has no job 5."), False),
    ],
    ids=["permission", "scope", "network", "failure", "missing job"],
)
def test_missing_grant_is_not_another_error(error: LakeflowJobsError, is_grant: bool) -> None:
    assert is_missing_grant(error) is is_grant


def test_job_without_a_grant_is_an_error_with_the_grant() -> None:
    error = NotAllowed("User 1234 does not have permissions on job 5.", upstream_code=DENIED)
    found = report_unreadable_job(build_job(), error, {"userName": "1234"})
    assert found.message == f"The workspace has the job {JOB_ID}, but 1234 has no permission on it."
    assert "a later deployment removed the grant" in found.remedy
    assert "- service_principal_name: 1234" in found.lines["databricks.yml"]
    assert found.exit_code is ExitCode.NOT_AUTHORIZED


def test_missing_job_is_an_error_about_its_id() -> None:
    found = report_unreadable_job(build_job(), JobNotFound("The workspace has no job 5."), USER)
    assert "Set DATABRICKS_JOB_" in found.remedy
    assert "grant" not in found.remedy
    assert "valueFrom" in found.lines["app.yaml"]


def test_denied_network_is_an_error_without_a_grant() -> None:
    error = NotAllowed("An IP access list denies access.")
    found = report_unreadable_job(build_job(), error, USER)
    assert (found.message, found.lines) == ("An IP access list denies access.", {})


@pytest.mark.parametrize(
    ("declared", "task_type", "level", "text"),
    [
        (["day"], "job", None, ""),
        ([], "notebook", None, ""),
        ([], None, None, ""),
        (["day"], None, Level.WARNING, "they can only be passed as job_parameters"),
        (["day", "rows"], "notebook", Level.ERROR, "It declares parameters (day, rows)"),
        ([], "job", Level.WARNING, "It declares no parameters"),
    ],
)
def test_task_type_must_match_the_declared_parameters(
    declared: list[str], task_type: str | None, level: Level | None, text: str
) -> None:
    parameters = [{"name": name, "default": ""} for name in declared]
    definition = Job.from_dict({"settings": {"parameters": parameters}})
    job = dataclasses.replace(build_job(), task_type=task_type)
    findings = list(check_parameters(job, definition))
    assert [finding.level for finding in findings] == ([level] if level else [])
    assert all(text in finding.message for finding in findings)


def test_schema_of_a_job_without_parameters_is_an_error() -> None:
    job = dataclasses.replace(build_job(), task_type="job", schema=Schema.from_dict({})())
    (finding,) = check_parameters(job, Job.from_dict({"settings": {}}))
    assert finding.level is Level.ERROR
