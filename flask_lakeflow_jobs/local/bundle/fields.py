"""The fields that a bundle may have, so that one that is misspelt does not go unseen."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from .errors import Location
from .yaml import MarkedDict


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ROOT = _words(
    "artifacts bundle definitions environments experimental include permissions presets python "
    "resources run_as scripts sync targets variables workspace"
)

TARGET = _words(
    "artifacts bundle cluster_id compute_id default git mode permissions presets resources run_as "
    "sync variables workspace"
)

BUNDLE = _words(
    "cluster_id compute_id databricks_cli_version default_cluster default_warehouse deployment "
    "engine git name terraform uuid"
)

PRESETS = _words(
    "artifacts_dynamic_version jobs_max_concurrent_runs name_prefix pipelines_development "
    "source_linked_deployment tags trigger_pause_status"
)

VARIABLE = _words("default description lookup type value")
JOB = _words(
    "budget_policy_id continuous deployment description duration_target edit_mode "
    "email_notifications environment_variables environments format git_source health id "
    "job_clusters lifecycle max_concurrent_runs name notification_settings parameters parent_path "
    "performance_target permissions queue run_as schedule tags tasks timeout_seconds trigger "
    "triggers usage_policy_id webhook_notifications"
)

TASK = _words(
    "compute depends_on description disable_auto_optimization disabled email_notifications "
    "environment_key environment_variables_key existing_cluster_id health job_cluster_key "
    "libraries max_retries min_retry_interval_millis new_cluster notification_settings "
    "retry_on_timeout run_if task_key timeout_seconds webhook_notifications"
)

KINDS = {
    "condition_task": _words("left op right"),
    "dbt_task": _words(
        "catalog commands profiles_directory project_directory schema source warehouse_id"
    ),
    "for_each_task": _words("concurrency inputs task"),
    "notebook_task": _words("base_parameters notebook_path source warehouse_id"),
    "pipeline_task": _words(
        "full_refresh full_refresh_selection parameters pipeline_id refresh_flow_selection "
        "refresh_selection reset_checkpoint_selection"
    ),
    "python_wheel_task": _words("entry_point named_parameters package_name parameters"),
    "run_job_task": _words(
        "dbt_commands jar_params job_id job_parameters notebook_params pipeline_params "
        "python_named_params python_params spark_submit_params sql_params"
    ),
    "spark_python_task": _words("parameters python_file source"),
    "sql_task": _words("alert dashboard file parameters query warehouse_id"),
}


def unknown_fields(tree: MarkedDict) -> Iterator[tuple[str, Location]]:
    """What to say of each field that is none, and where it stands. A bundle's tree may hold
    anything; what is no mapping has no fields.
    """
    yield from _beyond(ROOT, tree, "bundle")
    yield from _beyond(BUNDLE, tree.get("bundle"), "'bundle'")
    yield from _beyond(PRESETS, tree.get("presets"), "'presets'")
    yield from _in_variables(tree.get("variables"))
    yield from _in_jobs(tree.get("resources"))
    for target in _values(tree.get("targets")):
        yield from _beyond(TARGET, target, "target")
        if isinstance(target, MarkedDict):
            yield from _beyond(PRESETS, target.get("presets"), "'presets'")
            yield from _in_jobs(target.get("resources"))


def _in_variables(variables: object) -> Iterator[tuple[str, Location]]:
    for variable in _values(variables):
        yield from _beyond(VARIABLE, variable, "variable")


def _in_jobs(resources: object) -> Iterator[tuple[str, Location]]:
    for job in _values(resources.get("jobs") if isinstance(resources, MarkedDict) else None):
        yield from _beyond(JOB, job, "job")
        tasks = job.get("tasks") if isinstance(job, MarkedDict) else None
        for task in tasks if isinstance(tasks, list) else ():
            yield from _in_task(task)


def _in_task(task: object) -> Iterator[tuple[str, Location]]:
    if not isinstance(task, MarkedDict):
        return
    # A kind that is none is a mistake of its own.
    yield from _beyond(TASK | {key for key in task if key.endswith("_task")}, task, "task")
    for kind, fields in KINDS.items():
        yield from _beyond(fields, task.get(kind), kind)
    repeated = task.get("for_each_task")
    if isinstance(repeated, MarkedDict):
        yield from _in_task(repeated.get("task"))


def _beyond(known: frozenset[str], given: object, where: str) -> Iterator[tuple[str, Location]]:
    if not isinstance(given, MarkedDict):
        return
    for key in given:
        if key not in known and key not in given.anchored:
            close = get_close_matches(key, known, 1)
            advice = f" Did you mean {close[0]!r}?" if close else ""
            yield (
                f"The {where} has the unknown field {key!r}, which is ignored.{advice}",
                given.places[key],
            )


def _values(mapping: object) -> list[object]:
    return list(mapping.values()) if isinstance(mapping, MarkedDict) else []
