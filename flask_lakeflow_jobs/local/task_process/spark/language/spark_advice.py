"""Advice on what Spark lacks in the local workspace: what to write or to install instead."""

from __future__ import annotations

import re

from ...sql_statements import NO_SYSTEM_TABLES, SIMULATE
from ...sql_syntax import match_syntax

JVM = (
    "install pyspark and Java in place of Sail: pip uninstall pysail pyspark-client; "
    "pip install pyspark"
)
_NO_CAST = (
    "A text is not of this type. Convert it with try_cast or try_to_timestamp, which give NULL: "
    "casts are strict, as on SQL warehouses, serverless compute and runtimes from 17."
)
#: Advice by patterns in the errors of Sail 0.7 and pyspark 4, the more special ones first.
_ADVICE = {
    r"StatusCode\.UNAVAILABLE|session \S+ is not running": (
        "Sail has ended while the task ran, perhaps for lack of memory. Its log is "
        "spark/server.log in the folder of the workspace. Run the failed task again: "
        "flask jobs repair."
    ),
    "JVM_ATTRIBUTE_NOT_SUPPORTED": (
        f"Sail has no part of Spark that needs Java. Use DataFrames, or {JVM}."
    ),
    r"Cannot safely cast `([^`]+)`": (
        "Sail does not convert the column {} here. Give it the type that it has in the table, by "
        "CAST or .cast()."
    ),
    r"No data source found for: (\w+(?:\.\w+)*)": (
        f"Sail does not read or write the format {{}}. Use files or tables, or {JVM}."
    ),
    r'attribute ObjectName\(\[Identifier\("([^"]+)"\)\]\) is missing from the schema': (
        "Sail finds no column {} here. Select it too, or correct its name."
    ),
    r'attribute ObjectName\(\[Identifier\("([^"]+)"\), Identifier\("([^"]+)"\)\]\) is missing': (
        "Sail finds no column {0}.{1} here. Write {0}['{1}'] if {0} is a map. Else select the "
        "column too, or correct its name."
    ),
    r'ambiguous attribute: ObjectName\(\[Identifier\("([^"]+)"\)\]\)': (
        "Sail finds several columns {0} here. Name the table too, such as t.{0}. In place of "
        "JOIN … USING ({0}), join by a condition with ON."
    ),
    r"Invalid data type for Delta Lake: Null": (
        "Sail writes no array or struct without a type. Give one to those that have only NULL: "
        "cast(), or a schema."
    ),
    r"Catalog not found: ([^\s,]+)": (
        "The catalog {} is not in the local workspace. Create it first, with CREATE CATALOG."
    ),
    r"input schema for INSERT has (\d+) fields, but table schema has (\d+)": (
        "The rows have {} columns, and the table {}. Select the columns of the table, or set "
        ".option('mergeSchema', True)."
    ),
    r"configuration not found: (\S+)": (
        "The session has no setting {0}. Set it under 'spark_conf' of the cluster, or give a "
        "default: spark.conf.get('{0}', '…')."
    ),
    "No commit files found in _delta_log": (
        "There is no Delta table in this folder. Write it first, in an earlier task, or copy it "
        "there."
    ),
    r"Missing commit file: expected version": (
        "Sail does not find earlier versions of a table with more than ten of them. Save the rows "
        f"in a table of their own, or {JVM}."
    ),
    r"function: (map_zip_with|transform_keys|transform_values|zip_with)\b": (
        "Sail has no function {}. Change the elements with transform: those of arrays_zip(x, y) "
        "are e.x and e.y, and those of map_entries(m) are e.key and e.value."
    ),
    "Found unmasked nulls for non-nullable StructArray field": (
        "Sail takes no NULL in cogroup(…). Fill the columns before, with fillna(…), or join the "
        "frames and write groupBy(…).applyInPandas(…)."
    ),
    r"Object at location (\S+) not found": (
        "Sail finds the file {} no more: perhaps the task overwrites the folder that its frame "
        "reads. Write to another folder, or to a table."
    ),
    r"regex parse error|Invalid regex|Regular expression did not compile": (
        "Sail does not take this regular expression: it knows no look-around, such as (?=…), and "
        "no references to groups, such as \\1. Write it without them, or match in Python, with "
        "spark.udf.register('…', lambda text: re.sub(…))."
    ),
    r"unknown function: (ai_\w+|http_request|vector_search)": (
        "Sail has no function {}, which calls a service of Databricks. Simulate the job (its tag "
        "'local_simulation')."
    ),
    r"unknown function: ((?:h3|st)_\w+)": (
        "Only Databricks has the function {0}. Define one of its name in Python, with "
        f"spark.udf.register('{{0}}', …), or {SIMULATE}."
    ),
    (
        r"Generic (?:GCS|S3|MicrosoftAzure) error|failed to lookup address information"
        r"|Server returned non-2xx status"
    ): (
        "Sail has no access to this storage in the cloud. Copy the files into a volume, such as "
        f"/Volumes/main/default/files, or {SIMULATE}."
    ),
    "Json error: ": (
        "Sail finds no columns in this file, for a line is no JSON object, or a value is an object "
        "in some lines only. Name the columns: spark.read.schema('…').json(…)."
    ),
    r"Parser error: Error while parsing value|Csv error: ": (
        "Sail does not read this file, for a value is not of its type or a line has other columns, "
        "and it has no 'mode' for such lines. Read the column as a STRING and convert it with "
        "try_cast, or read the lines with spark.read.text."
    ),
    r"invalid option: (\w+): (.+)": (
        "Sail does not take {1} as the option {0} of a file. Write one that it takes, such as one "
        "character as 'sep', or read the lines with spark.read.text and split them."
    ),
    r"Cannot cast string '([^\W\d]\w*)' to value of Int64 type": (
        f"{_NO_CAST} If {{0}} is a field of the structs in an array, read it by one name, such as "
        "F.col('items.{0}')."
    ),
    r"Cannot cast (?:string|value) .* to value of \w+|invalid timestamp: |datetime field at byte": (
        _NO_CAST
    ),
    "UnsupportedOperationException: qualified function name": (
        "Sail has no function of this name with a schema. Create it in an earlier task, with "
        "CREATE FUNCTION, or correct its name."
    ),
    r"cast Timestamp\(Nanosecond": (
        "Sail does not mix dates and times in one column. Convert the dates: CAST(… AS TIMESTAMP)."
    ),
    r'duplicate unqualified field name "\w+\(': (
        "Sail does not aggregate both a column and a cast of it. Cast it before, in a subquery or "
        "with withColumn."
    ),
    "element_at: the index is out of bounds": (
        "An array has no element at this place, which is an error on Databricks too. Write "
        "get(array, place), or try_element_at, for NULL in its place."
    ),
    "decoded message length too large": (
        "Sail takes at most 128 MiB of rows at once. Write them to a file and read it, such as "
        "frame.to_parquet('/Volumes/…') of pandas, or create a frame of each part and union them."
    ),
    r"panicked with message|Stream removed": (
        "Sail has a defect that this query meets; its log is spark/server.log in the folder of the "
        f"workspace. Write the query otherwise, or {JVM}."
    ),
    "unsupported PySpark version": (
        "Sail does not take this version of pyspark. Install an older one: "
        "pip install 'pyspark<4.3', or 'pyspark-client<4.3' without Java."
    ),
    r"found .{1,200}? at \d+:\d+ expected": (
        "Sail cannot read this statement. If Databricks takes it, write it otherwise, or simulate "
        "the job (its tag 'local_simulation'). Else correct it, such as an empty name or a "
        "<placeholder> in it."
    ),
    "cannot compare window boundary value with zero": (
        "Sail has no ranges of frames over dates. Order by a number, such as "
        "Window.orderBy(F.unix_date('day')).rangeBetween(-6, 0)."
    ),
    r"Cannot (?:coerce arithmetic expression|infer common argument type)": (
        "Sail does not convert the types of this expression. Convert a text that is a number "
        "yourself: CAST(… AS DOUBLE), or .cast('double')."
    ),
    r'No field named [^"]+Valid fields are [^"]*"#\d+"|join condition should not be empty': (
        "Sail compares the rows of this subquery with those outside it only by =. Join the tables "
        f"and group their rows instead, or {JVM}."
    ),
    r"does not support logical expression (?:Exists|InSubquery)": (
        "Sail takes IN and EXISTS with a subquery only to filter rows. Join the table instead, and "
        "test whether its column is NULL."
    ),
    r"unsupported ALTER TABLE operation": (
        "Sail does not move columns of a table. Write it again, by CREATE OR REPLACE TABLE … AS "
        "SELECT with the columns in another order."
    ),
    r"UnsupportedOperationException|unknown function:": (
        f"Sail does not support this statement or function. Write it otherwise, or {JVM}."
    ),
    r"(?:argument types|Function) '(\w+)(?:\(|' failed to match)": (
        "Sail has no function {} of these types. Convert its arguments, as by CAST(… AS DOUBLE)."
    ),
    r"common type to coerce \w+ and Utf8 in": (
        "Sail takes only texts in LIKE and RLIKE. Convert the column: CAST(… AS STRING)."
    ),
    r"No field named|Error during planning|(?:Arrow|Execution|Internal|Schema) error: ": (
        f"Sail does not run this. If Databricks does, write it otherwise, or {JVM}."
    ),
}

# The errors of Sail for what it does not take.
_REFUSALS = (
    r"found \S+ at \d+:\d+ expected|UnsupportedOperationException|cannot resolve attribute"
    r"|INSERT is missing value|input schema for INSERT|[Tt]able features|expected Delta interval"
    r"|enableTypeWidening|found for ALTER|failed to alter|unknown function|quantified pattern"
    r"|'bool_(?:and|or)'|'spark_decode'|'try_(?:add|multiply|subtract)'|column types must match"
    r"|duplicate unqualified field name|concatenate arrays of different|Unsupported CAST from"
    r"|Inconsistent data type across values|CANNOT_SAFELY_CAST|Function not found"
    r"|MERGE INTO tables with Delta identity columns|\bsimplified\b|raise_error expects|granularity"
    r"|No function matches the given name|failed to match any signature"
    r"|Cannot coerce arithmetic expression|comparison operation .*Boolean|types to compare Boolean"
)
_LACKS = {
    "WITH RECURSIVE": (
        "Sail has no recursive queries. Write a loop in Python that appends to a table."
    ),
    "(BEGIN | CALL | (CREATE [OR REPLACE] | DROP) PROCEDURE)": (
        "Sail runs no scripts in SQL. Write the steps in Python, with spark.sql(f'…') for each."
    ),
    "… (FROM | JOIN) <system_table>": NO_SYSTEM_TABLES,
    "INSERT (INTO | OVERWRITE) [TABLE] DELTA .": (
        "Sail inserts into tables with a name only. Write a frame into the folder: "
        "….write.format('delta').mode('append').save('/…')."
    ),
    "INSERT … REPLACE (ON | USING)": (
        "Sail replaces the rows of a condition only: INSERT INTO … REPLACE WHERE …. Or delete the "
        "rows first, then insert the new ones."
    ),
    "(DESC | DESCRIBE) … AS JSON": (
        "Sail describes nothing as JSON. Write DESCRIBE EXTENDED, or read the columns of a table: "
        "spark.table('…').schema.json()."
    ),
    "UNDROP": "Sail does not keep tables that were dropped. Create the table again.",
    "(ALTER | CREATE | DESC | DESCRIBE | DROP | SHOW) (CONNECTION | CONNECTIONS"
    " | EXTERNAL (LOCATION | LOCATIONS) | FOREIGN | PROVIDER | PROVIDERS | RECIPIENT | RECIPIENTS"
    " | SERVICE | SHARE | SHARES | STORAGE)": (
        "The local workspace has no external locations, credentials, connections or shares. Leave "
        f"the statement out, or {SIMULATE}."
    ),
    "CONVERT TO DELTA": (
        "Sail converts no files. Write them: spark.read.parquet(…).write.format('delta').save(…)."
    ),
}


def find_spark_advice(error: BaseException) -> str | None:
    """Return what to do about an error of Spark; ``None`` if the error says it itself."""
    if not type(error).__module__.startswith("pyspark."):
        return None
    text = f"{type(error).__name__}: {error}"
    for pattern, advice in _ADVICE.items():
        if match := re.search(pattern, text):
            return advice.format(*match.groups())
    return None


def find_lack(statement: str) -> str | None:
    """Return what to write in place of a statement that Sail refuses, if that is known.

    :param statement: without comments.
    """
    found = (advice for syntax, advice in _LACKS.items() if match_syntax(syntax, statement))
    return next(found, None)


def is_refusal(error: Exception) -> bool:
    """Return whether Sail has refused a statement, as opposed to have failed to run it."""
    if not type(error).__module__.startswith("pyspark."):
        return False
    return re.search(_REFUSALS, f"{type(error).__name__}: {error}") is not None
