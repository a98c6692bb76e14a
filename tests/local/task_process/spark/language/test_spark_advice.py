"""Advice on errors of Spark that its tests on Sail do not meet."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.language.spark_advice import (
    find_lack,
    find_spark_advice,
)


class SparkError(Exception):
    __module__ = "pyspark.errors"


def test_client_that_sail_refuses_is_replaced_by_one_of_its_kind() -> None:
    """Both a pyspark with Java and the client alone would be a broken pyspark."""
    advice = find_spark_advice(SparkError("unsupported PySpark version: 4.3.0")) or ""
    assert advice.endswith("pip install 'pyspark<4.3', or 'pyspark-client<4.3' without Java.")
    assert find_spark_advice(ValueError("unsupported PySpark version: 4.3.0")) is None


def test_function_of_databricks_alone_can_be_registered() -> None:
    advice = find_spark_advice(SparkError("unknown function: h3_longlatash3")) or ""
    assert advice.startswith("Only Databricks has the function h3_longlatash3. Define one of its")
    assert "spark.udf.register('h3_longlatash3', …)" in advice
    assert (find_spark_advice(SparkError("unknown function: x")) or "").startswith("Sail does not")


@pytest.mark.parametrize("found", ["CATALOG", "'San Francisco'"])
def test_statement_that_is_not_sql_is_to_be_corrected(found: str) -> None:
    error = SparkError(f"invalid argument: found {found} at 7:14 expected 'DATABASE', 'SCHEMA'")
    advice = find_spark_advice(error) or ""
    assert advice.startswith("Sail cannot read this statement. If Databricks")
    assert advice.endswith("an empty name or a <placeholder> in it.")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            "cannot compare window boundary value with zero",
            "Sail has no ranges of frames over dates. Order by a number",
        ),
        (
            'attribute ObjectName([Identifier("tags"), Identifier("team")]) is missing from the',
            "Sail finds no column tags.team here. Write tags['team'] if tags is a map.",
        ),
        (
            "invalid option: sep: ||",
            "Sail does not take || as the option sep of a file. Write one that it takes",
        ),
        (
            "Cast error: Cannot cast string 'not-an-id' to value of Int64 type",
            "A text is not of this type. Convert it with try_cast",
        ),
        (
            "Cast error: Cannot cast string 'price' to value of Int64 type",
            "A text is not of this type. Convert it with try_cast",
        ),
        (
            "Cast error: Cannot cast string 'price' to value of Int64 type",
            (
                "A text is not of this type. Convert it with try_cast or try_to_timestamp, which "
                "give NULL: casts are strict, as on SQL warehouses, serverless compute and "
                "runtimes from 17. If price is a field of the structs in an array, read it by one "
                "name, such as F.col('items.price')."
            ),
        ),
        (
            "No function matches the given name and argument types 'try_add(Int32, Float64)'.",
            "Sail has no function try_add of these types. Convert its arguments",
        ),
        (
            "Internal error: Function 'avg' failed to match any signature, errors: Error during",
            "Sail has no function avg of these types. Convert its arguments",
        ),
        (
            "Error during planning: Plan does not satisfy order requirements",
            "Sail does not run this. If Databricks does, write it otherwise, or install",
        ),
        (
            "Invalid table location: No commit files found in _delta_log",
            "There is no Delta table in this folder. Write it first",
        ),
        (
            "invalid argument: input schema for INSERT has 2 fields, but table schema has 1 fields",
            "The rows have 2 columns, and the table 1. Select the columns of the table",
        ),
        (
            "expected numeric datetime field at byte offset 0",
            "A text is not of this type. Convert it with try_cast or try_to_timestamp",
        ),
        (
            'No field named f.end.\nValid fields are f."#43", f."#44".',
            "Sail compares the rows of this subquery with those outside it only by =.",
        ),
        (
            "invalid argument: configuration not found: spark.shop.day",
            "The session has no setting spark.shop.day. Set it under 'spark_conf' of",
        ),
        (
            "There isn't a common type to coerce Int32 and Utf8 in SIMILAR TO expression",
            "Sail takes only texts in LIKE and RLIKE. Convert the column",
        ),
        (
            "Physical plan does not support logical expression InSubquery(InSubquery { expr: a })",
            "Sail takes IN and EXISTS with a subquery only to filter rows. Join the table",
        ),
        (
            "element_at: the index is out of bounds",
            "An array has no element at this place, which is an error on Databricks too. Write ge",
        ),
        (
            "OUT_OF_RANGE: Error, decoded message length too large: found 139625644 bytes",
            "Sail takes at most 128 MiB of rows at once. Write them to a file",
        ),
        (
            "No data source found for: com.crealytics.spark.excel",
            "Sail does not read or write the format com.crealytics.spark.excel. Use",
        ),
        (
            "failed to lookup address information: Name or service not known",
            "Sail has no access to this storage in the cloud. Copy the files into a volume",
        ),
    ],
)
def test_what_sail_lacks_is_to_be_written_otherwise(error: str, advice: str) -> None:
    assert (find_spark_advice(SparkError(error)) or "").startswith(advice)


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("\nWITH RECURSIVE r AS (SELECT 1) SELECT * FROM r", "a loop in Python"),
        ("BEGIN SELECT 1; END", "spark.sql"),
        ("SELECT a FROM t JOIN system.billing.usage", "no system tables"),
        ("SELECT a FROM system.information_schema.tables", ""),
        ("CONVERT TO DELTA parquet.`/a`", "Write them"),
        ("CREATE EXTERNAL TABLE t (a INT)", ""),
        ("SELECT 'a JOIN system.billing.usage, '", ""),
    ],
)
def test_what_sail_lacks_is_refused_with_a_remedy(statement: str, advice: str) -> None:
    assert advice in (find_lack(statement) or "")
    assert bool(find_lack(statement)) == bool(advice)


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("INSERT INTO t REPLACE USING (d) SELECT 1", "Sail replaces the rows of a condition only"),
        ("INSERT INTO t AS t REPLACE ON t.d = s.d (SELECT 1) AS s", "Sail replaces the rows of a"),
        ("UNDROP TABLE t", "Sail does not keep tables that were dropped"),
        ("SHOW EXTERNAL LOCATIONS", "The local workspace has no external locations"),
        ("DESCRIBE EXTERNAL LOCATION a", "The local workspace has no external locations"),
        ("create connection if not exists c TYPE http", "The local workspace has no external loc"),
        ("ALTER SHARE s ADD TABLE t", "The local workspace has no external locations"),
        ("CREATE OR REPLACE PROCEDURE p() AS BEGIN END", "Sail runs no scripts in SQL"),
    ],
)
def test_statement_that_sail_lacks_has_a_remedy(statement: str, advice: str) -> None:
    assert (find_lack(statement) or "").startswith(advice)
