"""Every kind of task that the Jobs API has: how the local workspace runs it, or what to do instead.

The only list of them; the documentation's table is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SIMULATE = "simulate its job (tag 'local_simulation')"


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of task, by its name in a task's settings.

    :param runs: how the local workspace runs it, to follow "runs" in a sentence. ``None`` if it
        does not run it.
    :param does: in a kind that it does not run, the work on Databricks, as in "refreshes a
        dashboard".
    :param advice: what to do about it, to follow a colon.
    """

    runs: str | None = None
    does: str = ""
    advice: str = _SIMULATE


def _refused(does: str, advice: str = "") -> TaskKind:
    return TaskKind(None, does, f"{advice}, or {_SIMULATE}" if advice else _SIMULATE)


#: By name; those of databricks-sdk's ``jobs.Task``.
TASK_KINDS: Mapping[str, TaskKind] = {
    "notebook_task": TaskKind("from a `.py` source notebook or an `.ipynb`"),
    "spark_python_task": TaskKind(""),
    "python_wheel_task": TaskKind(
        "from an installed package, or a wheel that the task's libraries or environment name"
    ),
    "python_operator_task": TaskKind("functions, but no classes of sensors and operators"),
    "sql_task": TaskKind("SQL files on DuckDB (the extra `sql`) or Spark (the extra `spark`)"),
    "pipeline_task": TaskKind(
        "pipelines with Spark Declarative Pipelines, on `pyspark[pipelines]` and Java"
    ),
    "spark_jar_task": TaskKind("a class with `spark-submit`, on `pyspark` and Java"),
    "spark_submit_task": TaskKind("`spark-submit`, on `pyspark` and Java"),
    "dbt_task": TaskKind("on the tables of SQL tasks (the extra `dbt`)"),
    "condition_task": TaskKind(""),
    "for_each_task": TaskKind(""),
    "run_job_task": TaskKind(""),
    "ai_function_task": _refused(
        "applies an AI function of Databricks to files or rows",
        "call a model from a notebook_task",
    ),
    "ai_runtime_task": _refused(
        "runs a command on GPUs of Databricks", "run its script with a spark_python_task"
    ),
    "alert_task": _refused(
        "evaluates an alert of Databricks", "check its query with a sql_task and a condition_task"
    ),
    "clean_rooms_notebook_task": _refused(
        "runs a notebook of a clean room", "run a copy of it with a notebook_task"
    ),
    "dashboard_task": _refused("refreshes a dashboard and sends it to subscribers"),
    "dbt_cloud_task": _refused(
        "starts a job of the dbt platform", "run its project with a dbt_task"
    ),
    "dbt_platform_task": _refused(
        "starts a job of the dbt platform", "run its project with a dbt_task"
    ),
    "gen_ai_compute_task": _refused(
        "trains a model on GPUs of Databricks", "run its script with a spark_python_task"
    ),
    "power_bi_task": _refused("updates a model of Power BI"),
}

#: What a ``sql_task`` may have in place of a file.
SQL_OBJECTS: Mapping[str, TaskKind] = {
    "query": _refused("runs a saved query", "put its SQL into a file and name that under 'file'"),
    "alert": _refused(
        "refreshes a saved alert", "put its SQL into a file and check it with a condition_task"
    ),
    "dashboard": _refused("refreshes a dashboard and sends it to subscribers"),
}


def describe_refusal(kind: str, sql_object: str = "") -> str:
    """Return the message for a task that does not run: what it is, and what to do.

    :param sql_object: a name in :data:`SQL_OBJECTS`.
    """
    described = SQL_OBJECTS[sql_object] if sql_object else TASK_KINDS[kind]
    name = f"{kind} with {_article(sql_object)} {sql_object}" if sql_object else kind
    return (
        f"{_article(name).capitalize()} {name} {described.does}, which the local workspace cannot "
        f"do: {described.advice}."
    )


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"
