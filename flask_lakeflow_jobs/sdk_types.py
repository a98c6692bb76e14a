"""The SDK's dataclasses that this package returns, for annotations only.

Importing the SDK takes about a second, so only ``upstream`` imports it, at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import (
        BaseRun,
        JobParameterDefinition,
        JobPermissions,
        JobSettings,
        Run,
        RunOutput,
        RunTask,
        Task,
    )
    from databricks.sdk.service.jobs import Job as SdkJob

__all__ = [
    "BaseRun",
    "JobParameterDefinition",
    "JobPermissions",
    "JobSettings",
    "Run",
    "RunOutput",
    "RunTask",
    "SdkJob",
    "Task",
]
