"""Start Databricks Lakeflow Jobs from Flask, follow them live and show their results."""

from .config.jobs import JobConfig, JobMapping
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
from .logs import clean_records
from .results import ExecutionResult, ResultWatch
from .runs.explanation import Explanation, FailedTask
from .runs.outcome import Outcome, RunStatus
from .runs.progress import Progress, RunProgress
from .signals import run_canceled, run_changed, run_finished, run_repaired, run_triggered
from .watching.iterator import RunWatch
from .web.auth import authorize

__all__ = [
    "ConfigurationError",
    "Conflict",
    "DatabaseUnavailable",
    "ExecutionResult",
    "Explanation",
    "FailedTask",
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

clean_records()
