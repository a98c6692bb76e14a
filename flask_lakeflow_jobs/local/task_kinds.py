"""Every kind of task that the Jobs API has: how the local workspace runs it, or what to do instead.

The only list of them; the documentation's table is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task, by its name in a task's settings.

    :param support: how the local workspace runs it, to follow "runs" in a sentence. ``None`` if it
        does not run it.
    :param advice: what to do in place of a kind that it does not run, as a sentence; empty if only
        a simulation helps.
    """

    support: str | None = None
    advice: str = ""


#: By name; those of databricks-sdk's ``jobs.Task``.
TASK_KINDS: Mapping[str, TaskKind] = {
    "notebook_task": TaskKind("from a `.py` source notebook, an `.ipynb` or a `.sql` notebook"),
    "spark_python_task": TaskKind(""),
    "python_wheel_task": TaskKind(
        "from an installed package, or a wheel that the task's libraries or environment name"
    ),
    "sql_task": TaskKind("SQL files on DuckDB (the extra `sql`) or Spark (the extra `spark`)"),
    "dbt_task": TaskKind("with the profile of the project (the extra `dbt`)"),
    "condition_task": TaskKind(""),
    "for_each_task": TaskKind(""),
    "run_job_task": TaskKind(""),
    "pipeline_task": TaskKind(),
    "spark_jar_task": TaskKind(),
    "spark_submit_task": TaskKind(),
    "python_operator_task": TaskKind(None, "Call the function from a spark_python_task"),
    "ai_function_task": TaskKind(None, "Call a model from a notebook_task"),
    "ai_runtime_task": TaskKind(None, "Run its script with a spark_python_task"),
    "alert_task": TaskKind(None, "Check its query with a sql_task and a condition_task"),
    "clean_rooms_notebook_task": TaskKind(None, "Run a copy of it with a notebook_task"),
    "dashboard_task": TaskKind(),
    "dbt_cloud_task": TaskKind(None, "Run its project with a dbt_task"),
    "dbt_platform_task": TaskKind(None, "Run its project with a dbt_task"),
    "gen_ai_compute_task": TaskKind(None, "Run its script with a spark_python_task"),
    "power_bi_task": TaskKind(),
}

#: What a ``sql_task`` may have in place of a file.
SQL_OBJECTS: Mapping[str, TaskKind] = {
    "query": TaskKind(None, "Put its SQL into a file and name that under 'file'"),
    "alert": TaskKind(None, "Put its SQL into a file and check it with a condition_task"),
    "dashboard": TaskKind(),
}


def describe_refusal(kind: str, sql_object: str = "") -> str:
    """Return the message for a task that does not run: what to do.

    :param sql_object: a name in :data:`SQL_OBJECTS`.
    """
    found = SQL_OBJECTS[sql_object] if sql_object else TASK_KINDS[kind]
    name = f"{kind} with {_article(sql_object)} {sql_object}" if sql_object else kind
    simulate = "imulate its job with the tag 'local_simulation'."
    remedy = f"{found.advice}, or s{simulate}" if found.advice else f"S{simulate}"
    return f"The local workspace cannot run {_article(name)} {name}. {remedy}"


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"
