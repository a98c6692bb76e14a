"""The permissions of the app on a job, and the parameters that the job accepts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...config.jobs import build_env_name
from .app_yaml import binding_lines
from .findings import Finding

if TYPE_CHECKING:
    from ...config.jobs import Job
    from ...errors import LakeflowJobsError
    from ...sdk_types import JobPermissions, SdkJob

#: The levels that include running a job. Source: Databricks documentation, "Job ACLs".
RUN_LEVELS = frozenset({"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"})

#: The group whose members may do everything.
ADMINS = "admins"


def may_run(permissions: JobPermissions, user: Mapping[str, Any]) -> bool:
    """Return whether a user may run a job.

    :param user: the user in SCIM; the ``userName`` of a service principal is its application id.
    """
    name = user.get("userName")
    groups = {str(group.get("display")) for group in user.get("groups") or []}
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


def report_invisible_job(job: Job, error: LakeflowJobsError) -> Finding:
    """Report that the app does not see a job, which does not exist or is hidden from it."""
    return Finding.failure(
        f"job {job.key}",
        error,
        f"Set {build_env_name(job.key)} to the id of a job that the app may view. On Databricks"
        " Apps, bind the job to the app as a resource.",
        binding_lines(job.key),
    )


def check_permissions(
    job: Job, permissions: JobPermissions, user: Mapping[str, Any]
) -> Iterator[Finding]:
    """Check that a user may run a job.

    :param user: the user in SCIM.
    """
    about, name = f"job {job.key}", str(user.get("userName"))
    if may_run(permissions, user):
        yield Finding.ok(about, f"{name} may run it.")
        return
    grant = [
        "resources:",
        "  jobs:",
        f"    {job.key}:",
        "      permissions:",
        f"        - {'user_name' if '@' in name else 'service_principal_name'}: {name}",
        "          level: CAN_MANAGE_RUN",
    ]
    yield Finding.error(
        about,
        f"{name} may view the job {job.job_id}, but not run it.",
        f"Grant {name} CAN_MANAGE_RUN on the job.",
        {"databricks.yml": "\n".join(grant)},
    )


def check_parameters(job: Job, definition: SdkJob) -> Iterator[Finding]:
    """Check that parameters are sent in the field from which the job reads them.

    A job that declares parameters accepts no others, and one that declares none has no job
    parameters. Source: databricks/cli, bundle/run/job_options.go.
    """
    about = f"job {job.key}"
    settings = definition.settings
    declared = [parameter.name for parameter in (settings and settings.parameters) or []]
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
        yield Finding.error(
            about,
            "It declares no parameters, so the Jobs API accepts none, but its task_type is 'job'.",
            "Declare them under 'parameters' of the job, or set its task_type to the type of its"
            " task.",
        )
