"""Commands of dbt on the tables that SQL tasks see."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.dbt.conftest import FILES, PROFILES, dbt_task, sql_task
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    depends_on,
    is_running,
    state_fields,
    state_message,
    task_results,
    write_bundle,
)
from tests.support import wait_until

VARS = '--vars "{dev_schema: ann}"'


def test_dbt_and_sql_tasks_read_each_others_tables(serve: Serve, tmp_path: Path) -> None:
    tasks = [
        sql_task("raw", "raw.sql"),
        dbt_task(
            "dbt",
            f"dbt deps {VARS}",
            f"dbt seed --target=dev {VARS}",
            f"dbt build --target=dev {VARS}",
            f"dbt run --select all_orders {VARS}",
            depends_on=depends_on("raw"),
        ),
        sql_task("read", "read.sql", depends_on=depends_on("dbt")),
    ]
    client = serve({"etl": {"tasks": tasks}}, FILES)
    run = client.run("etl")
    outputs = client.outputs(run)
    log = outputs["dbt"].logs or state_message((run.tasks or [])[1])
    assert task_results(run) == dict.fromkeys(("raw", "dbt", "read"), "SUCCESS"), log
    assert client.rows(run, "read") == [
        ["item", "worth", "share", "day", "n", "note"],
        ["cake", "3", "0.1875", "2025-02-01", "1", "a 'text'"],
        ["tea", "4", "0.1250", "2025-02-01", "1", "a 'text'"],
    ]
    assert "Completed successfully" in log
    assert outputs["dbt"].dbt_output is not None
    written = {file.name for file in (tmp_path / "bundle" / "dbt").iterdir()}
    assert written == {Path(name).parts[1] for name in FILES if name.startswith("dbt/")}


def test_models_read_samples(serve: Serve) -> None:
    source = "version: 2\nsources: [{name: tpch, database: samples, tables: [{name: nation}]}]"
    files = {
        "dbt/models/samples.yml": source,
        "dbt/models/nations.sql": (
            "select count(*) as n from {{ source('tpch', 'nation') }} where length(n_nationkey) < 3"
        ),
        "nations.sql": "SELECT n FROM main.ann.nations",
    }
    tasks = [
        dbt_task("dbt", *[f"dbt run --select nations {VARS}"] * 2),
        sql_task("read", "nations.sql", depends_on=depends_on("dbt")),
    ]
    client = serve({"etl": {"tasks": tasks}}, {**FILES, **files})
    run = client.run("etl")
    assert client.rows(run, "read") == [["n"], ["25"]], client.outputs(run)


def test_dbt_tasks_and_sql_tasks_wait_for_each_other(serve: Serve) -> None:
    commands = [f"dbt run --select daily {VARS}"]
    tasks = [
        dbt_task("one", *commands),
        dbt_task("two", "dbt run --select daily --target lake"),
        *(sql_task(f"sql{number}", f"{number}.sql") for number in range(4)),
    ]
    files = {
        f"{number}.sql": f"CREATE TABLE lake.s.t{number} AS SELECT 1; DROP TABLE lake.s.t{number}"
        for number in range(4)
    }
    files["check.sql"] = "SELECT n FROM lake.gold.daily"
    jobs = {"etl": {"tasks": tasks}, "check": {"tasks": [sql_task("read", "check.sql")]}}
    client = serve(jobs, {**FILES, **files})
    run = client.run("etl")
    assert set(task_results(run).values()) == {"SUCCESS"}, client.outputs(run)
    assert client.rows(client.run("check"), "read") == [["n"], ["1"]]


BAD_FILES = {
    "dbt/models/column.sql": "select n,\n\n  nothing_of_it from {{ ref('daily') }}",
    "dbt/models/words.sql": "select from where",
    "dbt/models/unknown.sql": "select xxhash64(1) as n",
    "dbt/models/metrics.sql": "{{ config(materialized='metric_view') }}\nsource: daily",
    "dbt/tests/none.sql": "select n from {{ ref('daily') }}",
    "other/dbt_project.yml": "name: other\nprofile: shop\n",
    "other/profiles/profiles.yml": PROFILES,
    "other/models/macro.sql": "select {{ nothing() }}",
    "git/dbt_project.yml": "name: git\nprofile: shop\n",
    "git/profiles/profiles.yml": PROFILES,
    "git/packages.yml": "packages: [{git: 'file:///nowhere.git', revision: a}]\n",
}
UNKNOWN_SQL = r"DuckDB does not know this SQL\. Write it as DuckDB has it"
FAILURES = {
    "column": (
        "dbt run --select +column",
        r"^models/column\.sql, line 3: the model column failed: Binder Error: .*nothing_of_it",
    ),
    "words": ("dbt run --select words", rf"^models/words\.sql.*: {UNKNOWN_SQL}"),
    "unknown": ("dbt run --select unknown", rf"^models/unknown\.sql.*: {UNKNOWN_SQL}"),
    "metrics": (
        "dbt run --select metrics",
        r"^models/metrics\.sql.*: DuckDB has no metric views\. Write a plain view",
    ),
    "none": (
        "dbt build --select daily none",
        r"^tests/none\.sql.*: the test none failed: Got 1 result, configured to fail if != 0",
    ),
    "target": (
        "dbt run --target nowhere",
        r"^dbt run failed: .*does not have a target named 'nowhere'",
    ),
    "command": ("dbt fly", r"^dbt fly failed: .*No such command 'fly'"),
    "other": ("dbt run", r"nothing.* is undefined"),
    "git": ("dbt deps", r"^dbt deps failed: "),
}


def test_failed_command_names_the_file_and_the_cause(serve: Serve) -> None:
    tasks = [
        dbt_task(
            key,
            command,
            "dbt parse",
            body={"project_directory": key if key in ("other", "git") else "dbt"},
        )
        for key, (command, _) in FAILURES.items()
    ]
    client = serve({"etl": {"tasks": tasks}}, {**FILES, **BAD_FILES})
    outputs = client.outputs(client.run("etl"))
    for key, (_, error) in FAILURES.items():
        output = outputs[key]
        assert re.search(error, output.error or ""), (key, output.error, output.logs)
        assert "\n" not in (output.error or "")
        assert "$ dbt parse" not in (output.logs or "")


@pytest.mark.parametrize("is_killed", [False, True])
def test_stopped_dbt_task_leaves_no_process_and_no_lock(tmp_path: Path, is_killed: bool) -> None:
    model = "{{ config(materialized='table') }} select count(*) as n from range(1000000000) a"
    files = {"dbt/models/slow.sql": f"{model}, range(1000000000) b", "after.sql": "SELECT 1 AS n"}
    jobs = {
        "slow": {"tasks": [dbt_task("dbt", "dbt run --select slow")]},
        "after": {"tasks": [sql_task("after", "after.sql")]},
    }
    path = write_bundle(tmp_path, jobs, {**FILES, **files})
    ids = {key: job.job_id for key, job in load_bundle(path).jobs.items()}
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, ids)
        run_id = client.start("slow")
        task_id = (client.jobs.get_run(run_id).tasks or [])[0].run_id
        log = f"/api/local/task-log?run_id={task_id}&offset=0&limit=100000"
        wait_until(lambda: "START sql table" in str(client.http("GET", log)), "the slow model")
        processes = find_processes(tmp_path)
        assert processes
        if not is_killed:
            client.jobs.cancel_run(run_id)
            assert state_fields(client.finish(run_id))[1] == "CANCELED"
    assert not any(map(is_running, processes))
    with Workspace(path, tmp_path / "folder") as address:
        assert task_results(Client(address, ids).run("after")) == {"after": "SUCCESS"}


def find_processes(folder: Path) -> list[int]:
    """Return the processes that run tasks of a workspace in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found
