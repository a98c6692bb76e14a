"""The permissions of the app on a job, and the parameters that the job accepts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...config.jobs import build_env_name
from ...errors import MISSING_SCOPE, JobNotFound, LakeflowJobsError, NotAllowed
from ...runs.job_definition import defined_parameters
from ..exit_codes import ExitCode
from .app_yaml import binding_lines
from .findings import Finding, Level

if TYPE_CHECKING:
    from ...config.jobs import Job
    from ...sdk_types import JobPermissions, SdkJob

#: The levels that include running a job. Source: Databricks documentation, "Job ACLs".
RUN_LEVELS = frozenset({"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"})

#: The group whose members may do everything.
ADMINS = "admins"

#: The code of a 403 of the Jobs API.
PERMISSION_DENIED = "PERMISSION_DENIED"

#: Source: databricks/cli issue 4309.
LOST_GRANT_ADVICE = (
    "If it worked before, a later deployment removed the grant: declare it on the job, where every"
    " deployment sets it again."
)


def may_run(permissions: JobPermissions, user: Mapping[str, Any]) -> bool:
    """Return whether a user may run a job.

    :param user: the user in SCIM; the ``userName`` of a service principal is its application id.
    """
    name = user.get("userName")
    memberships = user.get("groups")
    listed = memberships if isinstance(memberships, list) else []
    groups = {str(group.get("display")) for group in listed if isinstance(group, dict)}
    if ADMINS in groups:
        return True
    for entry in permissions.access_control_list or []:
        is_user = name is not None and name in (entry.user_name, entry.service_principal_name)
        levels = {
            permission.permission_level.value
            for permission in entry.all_permissions or []
            if permission.permission_level
        }
        if (is_user or entry.group_name in groups) and levels & RUN_LEVELS:
            return True
    return False


def report_unreadable_job(job: Job, error: LakeflowJobsError, user: Mapping[str, Any]) -> Finding:
    """Report why the app cannot read a job: no permission on it, or there is no such job.

    The service answers ``PERMISSION_DENIED`` for a job that exists, and "does not exist" otherwise.
    Sources: databricks-sdk-py, errors/overrides.py; databricks/cli, libs/testserver.
    """
    about = f"job {job.key}"
    if isinstance(error, JobNotFound):
        return Finding.failure(
            about,
            error,
            f"Set {build_env_name(job.key)} to the id of a job of this workspace. Another target or"
            " a new deployment of the job has another id. On Databricks Apps, bind the job to the"
            " app as a resource, which passes its id.",
            binding_lines(job.key),
        )
    if not is_missing_grant(error):
        return Finding.failure(about, error, "Access fails before the job's permissions matter.")
    name = str(user.get("userName"))
    return Finding(
        about,
        Level.ERROR,
        f"The workspace has the job {job.job_id}, but {name} has no permission on it.",
        f"{_grant_advice(name)} {LOST_GRANT_ADVICE}",
        grant_lines(job.key, name),
        ExitCode(error.exit_code),
    )


def is_missing_grant(error: LakeflowJobsError) -> bool:
    """Return whether an identity lacks a permission, and not a scope or a way through a network."""
    return (
        isinstance(error, NotAllowed)
        and error.upstream_code == PERMISSION_DENIED
        and MISSING_SCOPE not in error.detail
    )


def _grant_advice(name: str) -> str:
    return f"Grant {name} CAN_MANAGE_RUN on the job."


def grant_lines(key: str, name: str) -> dict[str, str]:
    """Return the lines that let a user or a service principal run a job, by the file's name."""
    lines = [
        "resources:",
        "  jobs:",
        f"    {key}:",
        "      permissions:",
        f"        - {'user_name' if '@' in name else 'service_principal_name'}: {name}",
        "          level: CAN_MANAGE_RUN",
    ]
    return {"databricks.yml": "\n".join(lines)}


def check_permissions(
    job: Job, permissions: JobPermissions, user: Mapping[str, Any]
) -> Iterator[Finding]:
    about, name = f"job {job.key}", str(user.get("userName"))
    if may_run(permissions, user):
        yield Finding.ok(about, f"{name} may run it.")
        return
    yield Finding.error(
        about,
        f"{name} may view the job {job.job_id}, but not run it.",
        f"{_grant_advice(name)} {LOST_GRANT_ADVICE}",
        grant_lines(job.key, name),
    )


def check_parameters(job: Job, definition: SdkJob) -> Iterator[Finding]:
    """Check that parameters are sent in the field from which the job reads them.

    A job that declares parameters accepts no others, and one that declares none has no job
    parameters. Source: databricks/cli, bundle/run/job_options.go.
    """
    about = f"job {job.key}"
    declared = [parameter.name for parameter in defined_parameters(definition)]
    names = ", ".join(declared)
    if declared and job.task_type is None:
        yield Finding.warning(
            about,
            f"It declares parameters ({names}), but has no task_type: they can only be passed as"
            " job_parameters.",
            "Set its task_type to 'job' to pass them by name.",
        )
    elif declared and job.task_type != "job":
        yield Finding.error(
            about,
            f"It declares parameters ({names}), so the Jobs API accepts no others, but its"
            f" task_type is {job.task_type!r}.",
            "Set its task_type to 'job'.",
        )
    elif not declared and job.task_type == "job":
        # Without a schema, the app may well start it without parameters.
        build = Finding.warning if job.schema is None else Finding.error
        yield build(
            about,
            "It declares no parameters, so the Jobs API accepts none, but its task_type is 'job'.",
            "Declare them under 'parameters' of the job, or set its task_type to the type of its"
            " task.",
        )
