"""What an identity may do with a job, and whether the job takes what the app will send. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...config.jobs import build_env_name
from .app_yaml import binding, variable
from .findings import Finding, failure, finding, note

if TYPE_CHECKING:
    from ...config.jobs import Job
    from ...errors import LakeflowJobsError
    from ...sdk_types import JobPermissions
    from ...sdk_types import SdkJob as Definition

#: Levels that let an identity run a job.
#: Source: Databricks documentation, "Job ACLs".
RUNNING = frozenset({"CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"})

#: The group whose members may do everything.
ADMINS = "admins"


def may_run(permissions: JobPermissions, me: Mapping[str, Any]) -> bool:
    """Whether an identity may run a job.

    :param permissions: the job's.
    :param me: the identity, as SCIM has it; a service principal's ``userName`` is its
        application id.
    """
    name, groups = me.get("userName"), groups_of(me)
    if ADMINS in groups:
        return True
    for entry in permissions.access_control_list or []:
        is_me = name is not None and name in (entry.user_name, entry.service_principal_name)
        levels = {
            permission.permission_level.value
            for permission in entry.all_permissions or []
            if permission.permission_level
        }
        if (is_me or entry.group_name in groups) and levels & RUNNING:
            return True
    return False


def groups_of(me: Mapping[str, Any]) -> frozenset[str]:
    """The names of an identity's groups.

    :param me: the identity, as SCIM has it.
    """
    return frozenset(str(group.get("display")) for group in me.get("groups") or [])


def not_seen(job: Job, error: LakeflowJobsError) -> Finding:
    """The finding that an identity does not see a job: it is not there, or hidden.

    :param error: what the workspace answered.
    """
    return failure(
        f"job {job.key}",
        error,
        f"Set {build_env_name(job.key)} to the id of a job that the app may see. On Databricks"
        " Apps, bind the job to the app as a resource.",
        app_yaml=variable(job.key),
        databricks_yml=binding(job.key),
    )


def not_runnable(job: Job, me: Mapping[str, Any]) -> Finding:
    """The finding that an identity may not run a job.

    :param me: the identity, as SCIM has it.
    """
    name = str(me.get("userName"))
    kind = "user_name" if "@" in name else "service_principal_name"
    return finding(
        f"job {job.key}",
        f"{name} may look at the job {job.job_id}, and not run it.",
        f"Grant {name} CAN_MANAGE_RUN on the job.",
        databricks_yml="\n".join(
            [
                "resources:",
                "  jobs:",
                f"    {job.key}:",
                "      permissions:",
                f"        - {kind}: {name}",
                "          level: CAN_MANAGE_RUN",
            ]
        ),
    )


def placement(job: Job, definition: Definition) -> Iterator[Finding]:
    """Whether parameters go where the job takes them.

    A job that declares parameters takes no others, and one that declares none takes none of these.
    Source: databricks/cli, bundle/run/job_options.go.

    :param definition: the job in the workspace.
    """
    about = f"job {job.key}"
    settings = definition.settings
    declared = [parameter.name for parameter in (settings and settings.parameters) or []]
    names = ", ".join(declared)
    if declared and job.task_type not in (None, "job"):
        yield finding(
            about,
            f"It declares parameters ({names}), so the Jobs API takes no others, and its task_type"
            f" is {job.task_type!r}.",
            "Set its task_type to 'job'.",
        )
    elif declared and job.task_type is None:
        yield note(
            about,
            f"It declares parameters ({names}), and has no task_type: they can be given as"
            " job_parameters only.",
            "Set its task_type to 'job' to have them put there.",
        )
    elif not declared and job.task_type == "job":
        yield finding(
            about,
            "It declares no parameters, so the Jobs API takes none, and its task_type is 'job'.",
            "Declare them under 'parameters' of the job, or set the task_type to the kind of its"
            " task.",
        )
