"""The update of a pipeline: its spec, its arguments, and why it failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.pipeline import (
    create_storage,
    describe_failure,
    find_frames,
    list_update_arguments,
    write_spec,
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"full_refresh_all": True, "refresh": ["a"]}, ["--full-refresh-all"]),
        (
            {"full_refresh": ["a", "b"], "refresh": ["c"]},
            ["--full-refresh", "a,b", "--refresh", "c"],
        ),
    ],
)
def test_arguments_of_a_pipeline_choose_its_tables(
    fields: dict[str, Any], expected: list[str]
) -> None:
    body = {"full_refresh_all": False, "full_refresh": [], "refresh": [], **fields}
    arguments = list_update_arguments(Path("/a/spec.yml"), body)
    assert arguments == ["spark-pipelines", "run", "--spec", "/a/spec.yml", *expected]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["Run failed."], "Run failed."),
        (["Flow a is RUNNING.", "\nNo flow.\nMore."], "No flow. More."),
        (
            ["Failed to resolve flow: 'a'.\nError: [X] No table.\nSearch path", "Failed."],
            "Failed to resolve flow: 'a'. Error: [X] No table.",
        ),
        (
            ["due to upstream failure: 'b'.\nError: no a.", "Failed: 'a'.\nError: [X] No table."],
            "Failed: 'a'. Error: [X] No table.",
        ),
        (
            ["due to upstream failure: 'b'.\nError: no a.", "Failed."],
            "due to upstream failure: 'b'. Error: no a.",
        ),
        (
            ["t\nError: [ATTEMPT_ANALYSIS_IN_PIPELINE_QUERY_FUNCTION] Move it."],
            (
                "Write the function of the table without methods that need rows at once, such as "
                "count and collect, and without columns and schema of tables that SQL or a flow "
                "of changes fills: Spark's pipelines refuse them in such a function. "
                "t Error: [ATTEMPT_ANALYSIS_IN_PIPELINE_QUERY_FUNCTION] Move it."
            ),
        ),
        (
            ["a\nError: Traceback (most recent call last):\n  File x\n    f()\nKeyError: 'day'\n"],
            "a Error: Traceback (most recent call last): KeyError: 'day'",
        ),
        (
            ["t\nError: There are [1] sources in the checkpoint offsets and now there are [2]"],
            (
                "Update the table with full_refresh_selection once: the flows that write to it are "
                "others than before. t Error: There are [1] sources in the checkpoint offsets and "
                "now there are [2]"
            ),
        ),
        (
            ["c\nError: [UNRESOLVED_ROUTINE] Cannot resolve routine `ai_query`."],
            (
                "Correct the name of the function, or simulate the job (its tag "
                "'local_simulation'): Spark has none of this name, and only Databricks has some, "
                "such as ai_query. c Error: [UNRESOLVED_ROUTINE] Cannot resolve routine `ai_query`."
            ),
        ),
        (
            ["c\nError: [UNABLE_TO_INFER_SCHEMA] Unable to infer schema for JSON."],
            (
                "Copy some files to the folder that the pipeline reads, in an earlier task or by "
                "hand: it has none, so Spark cannot know their columns. c Error: "
                "[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for JSON."
            ),
        ),
        (
            ["[PARSE_SYNTAX_ERROR] Syntax error at or near 'GENERATED'."],
            (
                "Leave GENERATED and DEFAULT out of the columns of the table, and compute their "
                "values in its query, or simulate the job (tag 'local_simulation'): Spark's "
                "pipelines have no such columns. [PARSE_SYNTAX_ERROR] Syntax error at or near "
                "'GENERATED'."
            ),
        ),
        (
            ["[PARSE_SYNTAX_ERROR] Syntax error at or near 'DEFAULT'."],
            (
                "Leave GENERATED and DEFAULT out of the columns of the table, and compute their "
                "values in its query, or simulate the job (tag 'local_simulation'): Spark's "
                "pipelines have no such columns. [PARSE_SYNTAX_ERROR] Syntax error at or near "
                "'DEFAULT'."
            ),
        ),
        (
            ["[INVALID_SCHEMA_OR_RELATION_NAME] `a-b` is not a valid name.\n\nJVM stacktrace:"],
            (
                "Use only letters, digits and _ in the names of schemas and tables: Spark's "
                "pipelines take no other characters. [INVALID_SCHEMA_OR_RELATION_NAME] `a-b` is "
                "not a valid name. "
            ),
        ),
        (
            ["ClassNotFoundException: Class org.apache.hadoop.fs.gs.FS not found"],
            (
                "Spark has no access to this storage in the cloud here. Copy the files into a "
                "volume, such as /Volumes/main/default/files, or simulate the job (its tag "
                "'local_simulation'). ClassNotFoundException: Class org.apache.hadoop.fs.gs.FS "
                "not found"
            ),
        ),
    ],
)
def test_failed_update_names_the_first_cause(messages: list[str], expected: str) -> None:
    assert describe_failure(messages) == expected


def test_trace_of_a_pipeline_begins_in_its_files() -> None:
    with pytest.raises(ValueError, match="5") as caught:
        exec(compile("def f():\n    int('x5')\nf()", "/a/x.py", "exec"), {})  # noqa: S102 (code in a file)
    trace = caught.value.__traceback__
    found = find_frames(trace, ("/b/y.py", "/a/x.py"))
    assert found is not None
    assert (found.tb_frame.f_code.co_filename, found.tb_lineno) == ("/a/x.py", 3)
    assert find_frames(trace, ("/b/y.py",)) is trace


def test_spec_names_a_file_for_each_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_SPARK", str(tmp_path / "spark"))
    body = {"id": "7", "name": "Shop", "schema": "sales", "files": ["/a/x y.py", "/b/x y.py"]}
    write_spec(tmp_path, body, {"shop.n": "1"})
    spec = json.loads((tmp_path / "spark-pipeline.yml").read_text())
    assert (spec["name"], spec["database"]) == ("Shop", "sales")
    assert spec["storage"] == (tmp_path / "spark/pipelines/7").as_uri()
    assert spec["configuration"]["shop.n"] == "1"
    files = sorted((tmp_path / "definitions").iterdir())
    assert [file.name for file in files] == ["d0000_x_y.py", "d0001_x_y.py"]
    assert files[1].read_text().endswith("\ncurrent.define('/b/x y.py')\n")


@pytest.mark.parametrize(("value", "written"), [("auto", "4"), ("8", "8")])
def test_number_of_partitions_that_only_databricks_chooses_is_left_out(
    tmp_path: Path, value: str, written: str
) -> None:
    body = {"id": "7", "name": "Shop", "schema": "sales", "files": []}
    write_spec(tmp_path, body, {"spark.sql.shuffle.partitions": value})
    spec = json.loads((tmp_path / "spark-pipeline.yml").read_text())
    assert spec["configuration"]["spark.sql.shuffle.partitions"] == written


def test_pipelines_share_the_checkpoints_of_tables_but_not_of_sinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAKEFLOW_LOCAL_SPARK", raising=False)
    first, second, again = (create_storage(tmp_path, each) for each in ("a/b", "c", "c"))
    assert (first.name, second) == ("a_b", again)
    (first / "_checkpoints/spark_catalog/sales").mkdir()
    (first / "_checkpoints/sink").mkdir()
    assert [each.name for each in (second / "_checkpoints/spark_catalog").iterdir()] == ["sales"]
    assert [each.name for each in (second / "_checkpoints").iterdir()] == ["spark_catalog"]
