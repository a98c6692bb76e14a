"""The tasks and the parameters that a job's definition lists. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sdk_types import JobParameterDefinition, SdkJob, Task


def defined_tasks(job: SdkJob | None) -> Sequence[Task]:
    """Return the tasks of a job, in the order of its definition; none of an unknown one."""
    return (job and job.settings and job.settings.tasks) or ()


def defined_parameters(job: SdkJob | None) -> Sequence[JobParameterDefinition]:
    """Return the parameters that a job declares; none of an unknown one."""
    return (job and job.settings and job.settings.parameters) or ()
