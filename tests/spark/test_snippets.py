"""Usual pieces of Databricks code: those that run on Sail, and the advice for the others."""

# ruff: noqa: E501  # a snippet a line

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.spark.support import check_snippets

RUN = {
    "show": "spark.range(3).show()",
    "create a frame": "spark.createDataFrame([(1, 'a')], ['n', 's']).collect()",
    "frame of pandas": "import pandas as pd; spark.createDataFrame(pd.DataFrame({'n': [1]})).show()",
    "to pandas": "assert len(spark.range(3).toPandas()) == 3",
    "group": "spark.range(4).groupBy((F.col('id') % 2).alias('k')).count().collect()",
    "window": (
        "w = Window.partitionBy('k').orderBy('id'); spark.range(4).withColumn('k', F.lit(1))"
        ".withColumn('n', F.row_number().over(w)).collect()"
    ),
    "join": "spark.range(3).join(spark.range(2), 'id', 'left').collect()",
    "udf": "spark.range(2).select(F.udf(lambda n: n + 1, 'long')('id')).collect()",
    "registered udf": "spark.udf.register('g', lambda n: n, 'long'); spark.sql('SELECT g(1)').collect()",
    "map in pandas": "spark.range(2).mapInPandas(lambda frames: frames, 'id long').collect()",
    "apply in pandas": "spark.range(2).groupBy('id').applyInPandas(lambda f: f, 'id long').collect()",
    "temporary view": "spark.range(2).createOrReplaceTempView('v'); spark.table('v').collect()",
    "save a table": "spark.range(2).write.mode('overwrite').saveAsTable('dev.snippets.saved')",
    "append to it": "spark.range(2).write.mode('append').saveAsTable('dev.snippets.saved')",
    "insert into it": "spark.range(2).write.insertInto('dev.snippets.saved')",
    "write to": "spark.range(2).writeTo('dev.snippets.other').createOrReplace()",
    "create a Delta table": "spark.sql('CREATE TABLE IF NOT EXISTS dev.snippets.t (n INT) USING delta')",
    "insert": "spark.sql('INSERT INTO dev.snippets.t VALUES (1)')",
    "insert a parameter": "spark.sql('INSERT INTO dev.snippets.t VALUES (:n)', {'n': 2})",
    "merge": (
        "spark.sql('MERGE INTO dev.snippets.t t USING (SELECT 1 n) s ON t.n = s.n "
        "WHEN MATCHED THEN UPDATE SET n = 3 WHEN NOT MATCHED THEN INSERT *')"
    ),
    "update": "spark.sql('UPDATE dev.snippets.t SET n = 4 WHERE n = 3')",
    "delete": "spark.sql('DELETE FROM dev.snippets.t WHERE n = 4')",
    "time travel": "spark.sql('SELECT * FROM dev.snippets.t VERSION AS OF 0').collect()",
    "identifier": "spark.sql('SELECT * FROM IDENTIFIER(:t)', {'t': 'dev.snippets.t'}).collect()",
    "named schema": "spark.sql('CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:s)', {'s': 'dev.named'})",
    "create a volume": "spark.sql('CREATE VOLUME IF NOT EXISTS dev.snippets.files')",
    "detail": "assert spark.sql('DESCRIBE DETAIL dev.snippets.t').first().format == 'delta'",
    "history": "spark.sql('DESCRIBE HISTORY dev.snippets.t').select('version', 'operation').collect()",
    "DeltaTable": "from delta.tables import DeltaTable; DeltaTable.forName(spark, 'dev.snippets.t').toDF().count()",
    "stream": "spark.readStream.table('dev.snippets.saved').writeStream.toTable('dev.snippets.copy')",
    "optimize": "spark.sql('OPTIMIZE dev.snippets.t ZORDER BY (n)')",
    "vacuum": "spark.sql('VACUUM dev.snippets.t')",
    "grant": "spark.sql('GRANT SELECT ON TABLE dev.snippets.t TO `readers`')",
    "cache": "spark.range(3).cache().count()",
    "csv": (
        "spark.range(2).write.mode('overwrite').option('header', True).csv(folder + '/csv'); "
        "assert spark.read.option('header', True).csv(folder + '/csv').count() == 2"
    ),
    "json": (
        "spark.range(2).write.mode('overwrite').json(folder + '/json'); "
        "spark.read.json(folder + '/json').collect()"
    ),
    "catalog": "assert spark.catalog.tableExists('dev.snippets.t'); spark.catalog.listTables()",
    "checkpoint": "spark.range(3).checkpoint().count()",
    "samples": "assert spark.table('samples.nyctaxi.trips').count() == 2000",
    "save in a new schema": "spark.range(2).write.saveAsTable('dev.unseen.saved')",
    "write to a new schema": "spark.range(2).writeTo('dev.unseen_too.saved').create()",
    "use a new schema": "spark.sql('USE dev.unseen_as_well'); spark.sql('USE main.default')",
    "volume": (
        "spark.range(2).write.csv('/Volumes/dev/raw/in/n'); "
        "assert spark.read.csv('dbfs:/Volumes/dev/raw/in/n').count() == 2; "
        "assert spark.sql('SELECT * FROM csv.`/Volumes/dev/raw/in/n`').count() == 2"
    ),
    "read_files": (
        "open('/Volumes/dev/raw/files/a.csv', 'w').write('id,day\\n1,2024-01-02\\n')\n"
        "row = spark.sql(\"SELECT *, _metadata.file_name FROM read_files('/Volumes/dev/raw/' || :v, \"\n"
        "\"header => true, schemaHints => 'id BIGINT, day STRING') AS f WHERE f.id > 0\", {'v': 'files'}).first()\n"
        "assert (row.id, row.day, row.file_name) == (1, '2024-01-02', 'a.csv'), row"
    ),
    "read_files into a table": (
        "spark.sql(\"CREATE TABLE dev.snippets.files AS SELECT id, day FROM read_files('/Volumes/dev/raw/files', \"\n"
        "\"format => 'csv', header => true, schema => 'id INT, day DATE')\")\n"
        "assert spark.table('dev.snippets.files').first().day.year == 2024"
    ),
    "files that do not exist": (
        "from pyspark.errors import AnalysisException\n"
        "try:\n    spark.read.csv('/Volumes/dev/raw/files/none.csv', schema='n INT')\n"
        "except AnalysisException as error:\n    assert 'PATH_NOT_FOUND' in str(error)\n"
        "else:\n    raise AssertionError"
    ),
    "streaming table": (
        "spark.sql('CREATE OR REFRESH STREAMING TABLE dev.snippets.streamed CLUSTER BY AUTO AS '\n"
        "'SELECT * FROM STREAM dev.snippets.saved')\n"
        "assert spark.table('dev.snippets.streamed').count() > 0"
    ),
    "materialized view": (
        "spark.sql('CREATE OR REPLACE MATERIALIZED VIEW dev.snippets.m AS SELECT * FROM dev.snippets.t')\n"
        "spark.table('dev.snippets.m').collect()"
    ),
    "use texts": (
        "spark.sql(\"USE CATALOG 'dev'\"); spark.sql(\"USE IDENTIFIER('snippets')\")\n"
        "spark.table('saved').collect(); spark.sql('USE main.default')"
    ),
    "modules of a cluster": (
        "from databricks.connect import DatabricksSession; from pyspark.dbutils import DBUtils; "
        "DatabricksSession.builder.getOrCreate().range(1).collect(); "
        "DBUtils(spark).fs.ls('/Volumes/dev/raw/in')"
    ),
    "settings": "spark.conf.set('spark.sql.shuffle.partitions', '8')",
    "another session": "SparkSession.builder.master('local[2]').appName('a').getOrCreate().range(1).count()",
}
ADVISED = {
    "RDD": ("spark.range(3).rdd.map(print)", "Use DataFrames"),
    "SparkContext": ("spark.sparkContext.setLogLevel('WARN')", "Use DataFrames"),
    "Kafka": ("spark.read.format('kafka').load().collect()", "the format kafka"),
    "columns except": (
        "spark.sql('SELECT * EXCEPT (n) FROM (SELECT 1 AS n, 2 AS m)').collect()",
        "frame.drop",
    ),
    "function": ("spark.sql('CREATE FUNCTION f() RETURNS INT RETURN 1')", "install pyspark"),
    "metric view": (
        "spark.sql('CREATE VIEW dev.snippets.m WITH METRICS LANGUAGE YAML AS $$source: t$$')",
        "Write a plain view",
    ),
    "clone": (
        "spark.sql('CREATE TABLE dev.snippets.u SHALLOW CLONE dev.snippets.t')",
        "install pyspark",
    ),
}


def test_usual_snippets_run_or_say_what_to_do(workspaces: Callable[..., Any]) -> None:
    errors = check_snippets(workspaces, RUN, ADVISED)
    for name, error in errors.items():
        assert error.removeprefix("ValueError: ").startswith("Sail "), name
