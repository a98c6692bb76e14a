"""Start Databricks Lakeflow Jobs from Flask, follow them live and show what came out."""

from .attribution import ProxyUser
from .current import current_jobs
from .errors import (
    ConfigurationError,
    Conflict,
    HandleClosed,
    InvalidParameters,
    InvalidRequest,
    InvalidUserToken,
    JobNotFound,
    LakeflowJobsError,
    MissingUserToken,
    NotAllowed,
    RunNotFound,
    RunTimeout,
    UnknownJob,
    UnsupportedMediaType,
    UpstreamError,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
    WebhookLoginRefused,
)
from .extension import LakeflowJobs
from .handle import JobHandle
from .job_config import JobConfig
from .outcome import Outcome, RunStatus
from .reports import Explanation, FailedTask
from .results import ExecutionResult, ResultWatch
from .run_watch import RunWatch
from .signals import run_canceled, run_changed, run_finished, run_triggered
from .triggering import Triggered

__all__ = [
    "ConfigurationError",
    "Conflict",
    "ExecutionResult",
    "Explanation",
    "FailedTask",
    "HandleClosed",
    "InvalidParameters",
    "InvalidRequest",
    "InvalidUserToken",
    "JobConfig",
    "JobHandle",
    "JobNotFound",
    "LakeflowJobs",
    "LakeflowJobsError",
    "MissingUserToken",
    "NotAllowed",
    "Outcome",
    "ProxyUser",
    "ResultWatch",
    "RunNotFound",
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
    "WebhookLoginRefused",
    "current_jobs",
    "run_canceled",
    "run_changed",
    "run_finished",
    "run_triggered",
]
