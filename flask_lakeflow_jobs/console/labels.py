"""Labels of outcomes and tasks, times and durations, as the pages show them. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ..runs.durations import format_duration
from ..runs.outcome import Outcome

#: The kind of each outcome; a kind has one color and one icon.
KINDS: Mapping[Outcome, str] = {
    Outcome.QUEUED: "waiting",
    Outcome.PENDING: "waiting",
    Outcome.BLOCKED: "waiting",
    Outcome.RUNNING: "going",
    Outcome.TERMINATING: "ending",
    Outcome.WAITING_FOR_RETRY: "retry",
    Outcome.SUCCEEDED: "good",
    Outcome.SUCCEEDED_WITH_FAILURES: "partly",
    Outcome.FAILED: "bad",
    Outcome.INTERNAL_ERROR: "bad",
    Outcome.TIMED_OUT: "late",
    Outcome.CANCELED: "stopped",
    Outcome.SKIPPED: "never",
    Outcome.UPSTREAM_FAILED: "never",
    Outcome.UPSTREAM_CANCELED: "never",
    Outcome.EXCLUDED: "never",
    Outcome.DISABLED: "never",
    Outcome.UNKNOWN: "unknown",
}

#: The kinds as the filter of a history shows them.
KIND_NAMES: Mapping[str, str] = {
    "going": "running",
    "waiting": "waiting",
    "retry": "waiting for retry",
    "ending": "terminating",
    "good": "succeeded",
    "partly": "succeeded with failures",
    "bad": "failed",
    "late": "timed out",
    "stopped": "canceled",
    "never": "skipped",
    "unknown": "unknown",
}

#: What to do about a termination code. Source: the Jobs API's description of each.
CODE_ADVICE: Mapping[str, str] = {
    "CLUSTER_ERROR": "The cluster could not run. Check its event log.",
    "CLUSTER_REQUEST_LIMIT_EXCEEDED": "Too many clusters were requested. Try again later.",
    "DRIVER_ERROR": "The driver broke down; often it ran out of memory.",
    "INVALID_CLUSTER_REQUEST": "The job's cluster settings are not valid.",
    "LIBRARY_INSTALLATION_ERROR": "A library could not be installed. Check the job's libraries.",
    "MAX_CONCURRENT_RUNS_EXCEEDED": "The job was at its limit of concurrent runs. Wait for a run"
    " to end, or enable the job's queue.",
    "MAX_JOB_QUEUE_SIZE_EXCEEDED": "The job's queue was full.",
    "REPOSITORY_CHECKOUT_FAILED": "The job's code could not be checked out of its repository.",
    "RESOURCE_NOT_FOUND": "A resource that the job needs does not exist.",
    "STORAGE_ACCESS_ERROR": "Storage could not be read or written. Check its permissions.",
    "UNAUTHORIZED_ERROR": "The identity that the job runs as may not use something it needs.",
    "WORKSPACE_RUN_LIMIT_EXCEEDED": "The workspace had too many runs at once. Try again later.",
}

#: The kinds of tasks, by their fields in a task.
TASK_KIND_LABELS: Mapping[str, str] = {
    "notebook_task": "Notebook",
    "spark_python_task": "Python script",
    "python_wheel_task": "Python wheel",
    "spark_jar_task": "JAR",
    "spark_submit_task": "Spark submit",
    "sql_task": "SQL",
    "dbt_task": "dbt",
    "pipeline_task": "Pipeline",
    "run_job_task": "Job",
    "for_each_task": "For each",
    "condition_task": "Condition",
    "dashboard_task": "Dashboard",
    "power_bi_task": "Power BI",
    "clean_rooms_notebook_task": "Clean room notebook",
    "dbt_cloud_task": "dbt Cloud",
    "gen_ai_compute_task": "GenAI compute",
    "ai_function_task": "AI function",
    "ai_runtime_task": "AI runtime",
    "alert_task": "Alert",
    "dbt_platform_task": "dbt platform",
    "python_operator_task": "Python operator",
}


def duration(milliseconds: float | None, *, is_growing: bool = False) -> str:
    """Format a duration; one that is still growing without fractions of a second."""
    seconds = None if milliseconds is None else milliseconds / 1000
    return format_duration(seconds, whole_seconds=is_growing)


def format_ago(milliseconds: float) -> str:
    """Format how long ago something was, in one unit."""
    seconds = max(0, int(milliseconds / 1000))
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago" if seconds >= 10 else "just now"


#: Longer values of parameters, and texts of all parameters of a run, are cut.
MAX_VALUE_CHARS, MAX_PARAMETERS_CHARS = 40, 120


def format_parameters(parameters: Mapping[str, str]) -> str:
    """Format the parameters of a run in one line, shortened; those without a value are left out."""
    pairs = (
        f"{name}={_shorten(' '.join(value.split()), MAX_VALUE_CHARS)}"
        for name, value in parameters.items()
        if value.strip()
    )
    return _shorten(", ".join(pairs), MAX_PARAMETERS_CHARS)


def _shorten(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"


def moment(milliseconds: int) -> dt.datetime:
    """Return a moment in UTC.

    :param milliseconds: since the epoch.
    """
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.timezone.utc)
