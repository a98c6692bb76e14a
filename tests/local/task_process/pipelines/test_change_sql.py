"""Flows of changes in SQL. The rows of their queries are tested on Spark."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.change_flows import ChangeFlows
from flask_lakeflow_jobs.local.task_process.pipelines.change_sql import (
    Changes,
    Flow,
    find_streams,
    find_target,
    read_flow,
    split_flow,
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM(s)", None),
        (
            "APPLY CHANGES INTO t FROM STREAM(s) KEYS (id) SEQUENCE BY at",
            Flow(None, "t", "STREAM(s)", "at", None, None, Changes(("id",))),
        ),
        (
            """CREATE FLOW a.`f 1` COMMENT 'all changes' AS AUTO CDC INTO s.t
            FROM (SELECT *, 'KEYS (x)' AS keys FROM STREAM s WHERE a AND (b))
            KEYS (id, `Order Id`)
            APPLY AS DELETE WHEN op = 'SEQUENCE BY' AND
              `keys` IN ("x")
            APPLY  AS TRUNCATE WHEN op = "T"
            SEQUENCE BY struct(at, n)
            COLUMNS * EXCEPT (op, at)
            STORED AS scd  type 2
            TRACK HISTORY ON name, city""",
            Flow(
                "a.`f 1`",
                "s.t",
                "(SELECT *, 'KEYS (x)' AS keys FROM STREAM s WHERE a AND (b))",
                "struct(at, n)",
                "op = 'SEQUENCE BY' AND\n              `keys` IN (\"x\")",
                'op = "T"',
                Changes(
                    ("id", "Order Id"),
                    has_history=True,
                    except_columns=("op", "at"),
                    tracked=("name", "city"),
                ),
            ),
        ),
    ],
)
def test_flow_of_changes_is_read(statement: str, expected: Flow | None) -> None:
    assert read_flow(statement) == expected


@pytest.mark.parametrize(
    ("clauses", "error"),
    [
        ("FROM STREAM(s) SEQUENCE BY at", "Write KEYS in the flow of changes into t."),
        ("FROM STREAM(s) KEYS (id)", "Write SEQUENCE BY in the flow"),
        ("FROM s KEYS (id) SEQUENCE BY at", r"Read the source of the changes into t as STREAM\(s"),
        ("FROM SNAPSHOT s KEYS (id) SEQUENCE BY at", "has no FROM SNAPSHOT in a flow of changes"),
        ("FROM STREAM(s) KEYS (id) WHERE a SEQUENCE BY at", "has no WHERE .* Filter the rows in"),
        (
            "FROM STREAM(s) KEYS (id) IGNORE NULL UPDATES SEQUENCE BY at",
            "has no IGNORE NULL UPDATES .* Fill in NULL",
        ),
        (
            "FROM STREAM(s) KEYS (id) SEQUENCE BY at STORED AS BITEMPORAL",
            "has no STORED AS BITEMPORAL .* Write SCD TYPE 1 or",
        ),
        (
            "FROM STREAM(s) KEYS (id) SEQUENCE BY at COLUMNS (f(a))",
            r"Write a list of columns in place of '\(f\(a\)\)'",
        ),
        (
            "FROM STREAM(s) KEYS (id) SEQUENCE BY a + columns COLUMNS (a)",
            "Write each clause of the flow of changes into t once",
        ),
        ("FROM STREAM(s) KEYS (id) x SEQUENCE BY at", r"place of '\(id\) x'"),
    ],
)
def test_flow_of_changes_without_an_equal_is_refused(clauses: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        read_flow(f"AUTO CDC INTO t {clauses}")


def test_streaming_table_may_have_its_flow_of_changes() -> None:
    text = "CREATE STREAMING TABLE t (id INT) COMMENT 'x' FLOW AUTO CDC FROM STREAM(s) KEYS (id)"
    table, flow = split_flow(text) or ("", "")
    assert find_target(table) == "t"
    assert flow == "AUTO CDC INTO t FROM STREAM(s) KEYS (id)"
    assert split_flow("CREATE STREAMING TABLE t AS SELECT 'FLOW AUTO CDC FROM'") is None
    assert find_target("CREATE STREAMING TABLE t AS SELECT 1") is None
    assert find_streams("SELECT stream FROM STREAM(a.b) JOIN STREAM c") == ["a.b", "c"]


def test_flows_and_their_targets_are_taken_out_of_a_text() -> None:
    registered: list[str] = []
    flows = ChangeFlows("sales")
    text = """SET a = 1;
CREATE STREAMING TABLE t COMMENT 'STREAMING TABLE';
CREATE STREAMING TABLE
plain;
CREATE VIEW v AS SELECT 1;
APPLY CHANGES INTO t FROM STREAM(s)
KEYS (id) SEQUENCE BY at"""
    rest = flows.take(text, text, registered.append, str)
    assert rest == "SET a = 1;\n;\n\n;\nCREATE VIEW v AS SELECT 1;\n\n"
    pipelines: Any = type("", (), {"create_streaming_table": registered.append})
    pipelines.append_flow = lambda target, name: lambda query: registered.append(target)
    flows.finish(pipelines)
    log = "`__apply_changes_storage_t`"
    assert registered[:2] == [log, log]
    view = "SET a = 1;\nCREATE MATERIALIZED VIEW t COMMENT 'STREAMING TABLE'\nAS SELECT * EXCEPT ("
    assert registered[2].startswith(view)
    assert registered[3:] == ["SET a = 1;\nCREATE STREAMING TABLE\nplain"]


@pytest.mark.parametrize(
    ("before", "table", "error"),
    [
        ("USE other;", "CREATE STREAMING TABLE t", "Write the schema in the names of tables in"),
        (
            "",
            "CREATE STREAMING TABLE t (CONSTRAINT a EXPECT (n > 0) ON VIOLATION DROP ROW)",
            "Put the expectations of t on the table or view",
        ),
        (
            "CREATE TEMPORARY VIEW v AS SELECT * FROM STREAM(sales.T);",
            "CREATE STREAMING TABLE t",
            "Read t as a table, or its source as a stream",
        ),
    ],
)
def test_target_in_sql_without_an_equal_is_refused(before: str, table: str, error: str) -> None:
    flows = ChangeFlows("sales")
    text = f"{before}{table}; APPLY CHANGES INTO t FROM STREAM(s) KEYS (id) SEQUENCE BY at"

    def read() -> None:
        flows.take(text, text, print, str)
        flows.finish(None)

    with pytest.raises(ValueError, match=error):
        read()
