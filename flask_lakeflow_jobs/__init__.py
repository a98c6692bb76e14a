"""Start Databricks Lakeflow Jobs from Flask, follow them live and show their results."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .loggers import clean_records

if TYPE_CHECKING:
    from .config.job_config import JobConfig, JobMapping
    from .errors import (
        ConfigurationError,
        Conflict,
        DatabaseUnavailable,
        HandleClosed,
        InvalidParameters,
        InvalidRequest,
        InvalidUserToken,
        InvalidWebhookCredentials,
        JobNotFound,
        LakeflowJobsError,
        MissingUserToken,
        NotAllowed,
        RecordOutdated,
        RunNotFound,
        RunTimeout,
        UnknownJob,
        UnsupportedMediaType,
        UpstreamError,
        UpstreamThrottled,
        UpstreamTimeout,
        UpstreamUnauthenticated,
        UpstreamUnavailable,
    )
    from .extension import LakeflowJobs
    from .globals import current_jobs, health
    from .handle import JobHandle
    from .idempotency import Triggered
    from .identity import ProxyUser
    from .results import ExecutionResult, Failure, ResultWatch, Success
    from .runs.explanation import Explanation, FailedTask
    from .runs.outcome import Outcome, RunStatus
    from .runs.progress import Progress, RunProgress
    from .signals import run_canceled, run_changed, run_finished, run_repaired, run_triggered
    from .watching.iterator import RunWatch
    from .web.authorization import authorize

__all__ = [
    "ConfigurationError",
    "Conflict",
    "DatabaseUnavailable",
    "ExecutionResult",
    "Explanation",
    "FailedTask",
    "Failure",
    "HandleClosed",
    "InvalidParameters",
    "InvalidRequest",
    "InvalidUserToken",
    "InvalidWebhookCredentials",
    "JobConfig",
    "JobHandle",
    "JobMapping",
    "JobNotFound",
    "LakeflowJobs",
    "LakeflowJobsError",
    "MissingUserToken",
    "NotAllowed",
    "Outcome",
    "Progress",
    "ProxyUser",
    "RecordOutdated",
    "ResultWatch",
    "RunNotFound",
    "RunProgress",
    "RunStatus",
    "RunTimeout",
    "RunWatch",
    "Success",
    "Triggered",
    "UnknownJob",
    "UnsupportedMediaType",
    "UpstreamError",
    "UpstreamThrottled",
    "UpstreamTimeout",
    "UpstreamUnauthenticated",
    "UpstreamUnavailable",
    "authorize",
    "current_jobs",
    "health",
    "run_canceled",
    "run_changed",
    "run_finished",
    "run_repaired",
    "run_triggered",
]

#: The modules of these names. Those that import the least come first.
_MODULES = (
    "errors",
    "signals",
    "runs.outcome",
    "runs.progress",
    "results",
    "watching.iterator",
    "identity",
    "runs.explanation",
    "config.job_config",
    "idempotency",
    "handle",
    "globals",
    "web.authorization",
    "extension",
)


def __getattr__(name: str) -> Any:
    # Lazy: the local workspace is a part of the package, and starts without Flask.
    for module in _MODULES if name in __all__ else ():
        if hasattr(found := import_module(f"{__name__}.{module}"), name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # Python's shell completes names with it. The module `globals` hides the function here.
    return sorted({*vars(sys.modules[__name__]), *__all__})


clean_records()
