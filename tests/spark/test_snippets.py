"""Usual pieces of Databricks code: those that run on Sail, and the advice for the others."""

# ruff: noqa: E501  # a snippet a line

from __future__ import annotations

import re
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
    "described by an identifier": (
        "assert spark.sql('DESCRIBE IDENTIFIER(concat(:s, \".t\"))', {'s': 'dev.snippets'}).first().col_name == 'n'\n"
        "spark.range(9).approxQuantile('id', [0.5], 0.1)"
    ),
    "named schema": "spark.sql('CREATE SCHEMA IF NOT EXISTS IDENTIFIER(:s)', {'s': 'dev.named'})",
    "compare plans": (
        "spark.range(2).createOrReplaceTempView('compared')\n"
        "frames = [spark.table('compared').where(F.col('id') > n) for n in (0, 0, 1)]\n"
        "hashes = [each.semanticHash() for each in frames]\n"
        "assert hashes[0] == hashes[1] != hashes[2]\n"
        "assert frames[0].sameSemantics(frames[1]) and not frames[0].sameSemantics(frames[2])\n"
        "joined = [a.join(b, a['id'] == b['id']) for a, b in [frames[:2], frames[:2]]]\n"
        "assert joined[0].semanticHash() == joined[1].semanticHash()"
    ),
    "membership": (
        "spark.sql('CREATE OR REPLACE VIEW dev.snippets.masked AS SELECT CASE WHEN is_member(\\'hr\\') THEN 1 END AS n')\n"
        "assert spark.table('dev.snippets.masked').first().n is None\n"
        "assert spark.sql('SELECT is_account_group_member(\\'users\\')').first()[0]"
    ),
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
    "samples": (
        "path, trips = '/databricks-datasets/nyctaxi-with-zipcodes/subsampled', spark.table('samples.nyctaxi.trips')\n"
        "assert spark.read.format('delta').load(path).schema == trips.schema\n"
        "assert spark.read.format('delta').load(path).count() == trips.count() == 2000"
    ),
    "save a frame that is sorted by many columns": (
        "frame = spark.range(9).select(*((F.col('id') * at % 7).alias(f'c{at}') for at in range(24)))\n"
        "frame.orderBy(*frame.columns).write.saveAsTable('dev.snippets.ordered')\n"
        "assert spark.table('dev.snippets.ordered').count() == 9"
    ),
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
        "assert (row.id, row.day, row.file_name) == (1, '2024-01-02', 'a.csv'), row\n"
        "spark.range(1).createOrReplaceTempView('shown_v')\n"
        "shown = spark.sql('SHOW TABLES IN dev.snippets').collect()\n"
        "assert ('snippets', 'saved', False) in shown and ('', 'shown_v', True) in shown, shown\n"
        "names = [each.tableName for each in shown] + [each.name for each in spark.catalog.listTables()]\n"
        "names += [each.viewName for each in spark.sql('SHOW VIEWS').collect()]\n"
        "assert names.count('shown_v') == 3 and not [each for each in names if 'lakeflow' in each], names\n"
        "assert [tuple(each) for each in spark.sql(\"SHOW TABLES LIKE 'shown*'\").collect()] == [('', 'shown_v', True)]"
    ),
    "read_files into a table": (
        "spark.sql(\"CREATE TABLE dev.snippets.files AS SELECT id, day FROM read_files('/Volumes/dev/raw/files', \"\n"
        "\"format => 'csv', header => true, schema => 'id INT, day DATE')\")\n"
        "assert spark.table('dev.snippets.files').first().day.year == 2024"
    ),
    "folder without files": (
        "import os\nfrom pyspark.errors import AnalysisException\n"
        "os.makedirs('/Volumes/main/default/empty/in')\n"
        "path = '/Volumes/main/default/empty'\n"
        "assert spark.read.schema('id INT').csv(path).count() == 0\n"
        "try:\n    spark.read.csv(path, header=True)\n"
        "except AnalysisException as error:\n    assert 'UNABLE_TO_INFER_SCHEMA' in str(error)\n"
        "else:\n    raise AssertionError\n"
    ),
    "doubled quotes": (
        "spark.sql(\"CREATE OR REPLACE TABLE dev.snippets.quotes (a STRING COMMENT 'it''s') \"\n"
        "          \"COMMENT 'b''c' TBLPROPERTIES ('a' = 'b''c')\")\n"
        "spark.sql(\"INSERT INTO dev.snippets.quotes VALUES ('it''s'), ('')\")\n"
        "query = \"SELECT a FROM dev.snippets.quotes WHERE a = 'it''s'\"\n"
        'assert spark.sql(query).first().a == "it\'s"'
    ),
    "quotes in expressions": (
        "frame = spark.sql(\"SELECT 'it''s' AS a\")\n"
        "assert frame.filter(\"a = 'it''s'\").selectExpr(\"concat(a, '''')\").first()[0] == \"it's'\"\n"
        "assert frame.select(F.expr(\"'a''b'\")).first()[0] == \"a'b\""
    ),
    "lengths below zero": (
        "query = \"SELECT left(a, instr(a, '@') - 1) AS n, split(a, '') AS c FROM VALUES ('ab') AS t(a)\"\n"
        "assert spark.sql(query).first()[:] == ('', ['a', 'b'])\n"
        "frame = spark.createDataFrame([('ab', -1)], ['a', 'n'])\n"
        "row = frame.select(F.left('a', 'n'), F.right('a', F.lit(1)), F.split('a', ''), F.split('a', 'b')).first()\n"
        "assert row[:] == ('', 'b', ['a', 'b'], ['a', '']), row"
    ),
    "names in any case": (
        "spark.sql('CREATE TABLE DEV.Snippets.Cased (Id INT)')\n"
        "spark.sql('INSERT INTO dev.snippets.CASED VALUES (1)')\n"
        "spark.sql('SELECT 2 AS Id').write.mode('append').saveAsTable('dev.SNIPPETS.cased')\n"
        "assert spark.sql('SELECT C.* FROM dev.snippets.Cased c').columns == ['Id']\n"
        "assert spark.table('Dev.Snippets.Cased').alias('A').select('a.*').columns == ['Id']\n"
        "assert spark.sql('SELECT * FROM IDENTIFIER(:t)', {'t': 'dev.snippets.CASED'}).count() == 2\n"
        "assert spark.catalog.tableExists('dev.Snippets.CASED')\n"
        "spark.range(1).createOrReplaceTempView('Cased_View')\n"
        "assert spark.sql('WITH Big AS (SELECT * FROM cased_VIEW) SELECT B.* FROM big b').columns == ['id']\n"
        "left, right = spark.range(1).alias('L'), spark.range(1).alias('R')\n"
        "assert left.join(right, 'id').select('l.*', 'R.id').first()[:] == (0, 0)\n"
        "spark.sql('DROP TABLE dev.snippets.cAsEd')\n"
        "assert not spark.catalog.tableExists('dev.snippets.cased')"
    ),
    "columns with capitals": (
        "spark.sql('CREATE TABLE dev.snippets.capitals (OrderId INT, Name STRING)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.capitals (OrderId, Name) VALUES (1, 'a')\")\n"
        "spark.sql(\"INSERT INTO dev.snippets.capitals (Name) SELECT 'b'\")\n"
        "spark.sql(\"INSERT INTO dev.snippets.capitals BY NAME SELECT 'c' AS Name, 3 AS OrderId\")\n"
        "frame = spark.sql(\"SELECT 'd' AS Name, 4 AS OrderId\")\n"
        "frame.write.mode('append').saveAsTable('dev.snippets.capitals')\n"
        "frame.writeTo('dev.snippets.capitals').append()\n"
        "table = spark.table('dev.snippets.capitals')\n"
        "rows = {tuple(row) for row in table.select('OrderId', 'Name').collect()}\n"
        "assert rows == {(1, 'a'), (None, 'b'), (3, 'c'), (4, 'd')}, rows\n"
        "assert table.columns == ['OrderId', 'Name'] and table.count() == 5"
    ),
    "new columns": (
        "path = '/Volumes/dev/raw/merged/t'\n"
        "spark.sql('SELECT 1 AS Id').write.format('delta').save(path)\n"
        "spark.sql('SELECT 2 AS ID').write.format('delta').mode('append').save(path)\n"
        "more = spark.sql('SELECT 3 AS id, 7 AS New')\n"
        "more.write.format('delta').mode('append').option('mergeSchema', True).save(path)\n"
        "spark.sql('SELECT 1 AS Id').write.saveAsTable('dev.snippets.merged')\n"
        "more.write.mode('append').option('mergeSchema', True).saveAsTable('dev.snippets.merged')\n"
        "for frame in (spark.read.load(path), spark.table('dev.snippets.merged')):\n"
        "    rows = {row.Id: row.New for row in frame.collect()}\n"
        "    assert rows == {1: None, 2: None, 3: 7} or rows == {1: None, 3: 7}, rows\n"
        "spark.conf.set('spark.databricks.delta.schema.autoMerge.enabled', 'true')\n"
        "spark.sql('SELECT 4 AS Id, 8 AS Later').write.mode('append').saveAsTable('dev.snippets.merged')\n"
        "spark.conf.set('spark.databricks.delta.schema.autoMerge.enabled', 'false')\n"
        "assert spark.table('dev.snippets.merged').columns == ['Id', 'New', 'Later']"
    ),
    "last days": (
        "query = ('SELECT d, sum(n) OVER (ORDER BY d RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS s '\n"
        "\"FROM VALUES (DATE'2024-03-01', 1), (DATE'2024-03-02', 2), (DATE'2024-03-10', 4) AS t(d, n)\")\n"
        "frame = spark.sql(query)\n"
        "assert [row.s for row in frame.orderBy('d').collect()] == [1, 3, 4]\n"
        "days = spark.sql(query.replace('INTERVAL 1 DAY', '1'))\n"
        "assert [row.s for row in days.orderBy('d').collect()] == [1, 3, 4]\n"
        "assert frame.orderBy('d').select(F.weekday('d'), F.expr('weekday(d)')).collect()[2][:] == (6, 6)"
    ),
    "words, days and numbers": (
        "names = spark.sql(\"SELECT initcap(a) AS a, count(*) AS n FROM VALUES ('o''brien anne-marie'), (NULL) AS t(a) GROUP BY initcap(a)\")\n"
        'assert {row.a for row in names.collect()} == {"O\'brien Anne-marie", None}\n'
        "row = spark.sql(\"SELECT to_timestamp(1704449730) = TIMESTAMP'2024-01-05 10:15:30' AS a, typeof(nvl(10.5BD, 0)) AS b, decode(2, 1, 'x', 2, 'y') AS c\").first()\n"
        "assert tuple(row) == (True, 'decimal(11,1)', 'y'), row\n"
        "row = spark.sql(\"SELECT extract(DOW FROM DATE'2024-01-07'), datediff(DAY, TIMESTAMP'2024-01-01 12:00:00', TIMESTAMP'2024-01-02 11:00:00')\").first()\n"
        "assert tuple(row) == (1, 0), row\n"
        "frame = spark.sql(\"SELECT 'a-b c' AS a, DATE'2024-01-05' AS d, 1704449730 AS n, 1.5BD AS x\")\n"
        "frame = frame.select(F.initcap('a').alias('a'), F.date_trunc('month', 'd').alias('d'), F.to_timestamp('n').alias('n'), F.nvl('x', F.lit(0)).alias('x'))\n"
        "assert [kind for _, kind in frame.dtypes] == ['string', 'timestamp', 'timestamp', 'decimal(11,1)'], frame.dtypes\n"
        "assert (frame.first().a, frame.first().n.year) == ('A-b C', 2024)"
    ),
    "variables": (
        "spark.sql(\"DECLARE OR REPLACE VARIABLE day DATE DEFAULT date'2024-01-05' - INTERVAL 1 DAY\")\n"
        "spark.sql('DECLARE n = 5'); spark.sql('SET VAR n = n + (SELECT max(id) FROM range(3))')\n"
        "assert spark.sql('SELECT day, session.n, (SELECT max(n) FROM VALUES (1) AS t(n)) AS m').first()[1:] == (7, 1)\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.v AS SELECT n AS m FROM range(1)')\n"
        "spark.sql('SET VAR (n, day) = (SELECT m, current_date() FROM dev.snippets.v WHERE m = n)')\n"
        "assert spark.sql(\"EXECUTE IMMEDIATE 'SELECT id FROM range(?)' USING n\").count() == 7\n"
        "assert spark.sql(\"EXECUTE IMMEDIATE 'SELECT :a + n AS b' USING (3 AS a)\").first().b == 10\n"
        "spark.sql(\"DECLARE name STRING DEFAULT 'dev.snippets.v'\")\n"
        "assert spark.sql('SELECT * FROM IDENTIFIER(name)').first().m == 7\n"
        "spark.sql('DROP TEMPORARY VARIABLE n')"
    ),
    "windows over groups": (
        "query = 'SELECT id % 2 = 0 AS even, sum(sum(id)) OVER (ORDER BY id % 2 = 0) AS s FROM range(4) GROUP BY {} ORDER BY even'\n"
        "assert [[row.s for row in spark.sql(query.format(keys)).collect()] for keys in ('ALL', '1')] == [[4, 6]] * 2"
    ),
    "groups by their aggregates": (
        "rows = \"FROM VALUES ('a', 1), ('a', 2), ('b', 5), ('c', -1) AS t(k, n) GROUP BY k\"\n"
        "query = f'SELECT k, sum(n) AS n {rows} HAVING sum(n) > 0 ORDER BY count(*) DESC'\n"
        "assert [row[:] for row in spark.sql(query).collect()] == [('a', 3), ('b', 5)]\n"
        "assert [row.k for row in spark.sql(f'SELECT k {rows} ORDER BY sum(n)').collect()] == ['c', 'a', 'b']\n"
        "top = spark.sql(f'SELECT count(*) AS c FROM (SELECT k, avg(n) {rows} ORDER BY round(avg(n), 2) DESC LIMIT 2)')\n"
        "assert top.first().c == 2"
    ),
    "statistics": (
        "frame = spark.range(5)\n"
        "names = [row[0] for row in frame.describe().collect()]\n"
        "assert names == ['count', 'mean', 'stddev', 'min', 'max'], names\n"
        "assert [row[0] for row in frame.summary('max', 'min').collect()] == ['max', 'min']"
    ),
    "halves": (
        "row = spark.sql('SELECT 2.5 AS x').select(F.bround('x'), F.rint('x'), F.expr('bround(x)'), F.expr('rint(x)'))\n"
        "assert row.first()[:] == (2, 2, 2, 2), row.first()"
    ),
    "values of CSV": (
        "open('/Volumes/dev/raw/values/a.csv', 'w').write('id,day,name\\n1,31/12/2024,a\\nx,bad,NA\\n')\n"
        "reader = spark.read.option('header', True).option('dateFormat', 'dd/MM/yyyy').option('nullValue', 'NA')\n"
        "reader = reader.schema('id INT, day DATE, name STRING')\n"
        "rows = reader.csv('/Volumes/dev/raw/values').select('*', '_metadata.file_name').collect()\n"
        "assert str(rows[0].day) == '2024-12-31' and rows[1][:] == (None, None, None, 'a.csv'), rows\n"
        "assert reader.option('mode', 'DROPMALFORMED').csv('/Volumes/dev/raw/values').count() == 1\n"
        "open('/Volumes/dev/raw/inferred/a.csv', 'w').write('n,s\\n1,a\\nNA,NA\\n')\n"
        "frame = spark.read.csv('/Volumes/dev/raw/inferred', header=True, inferSchema=True, nullValue='NA')\n"
        "assert frame.dtypes == [('n', 'bigint'), ('s', 'string')], frame.dtypes\n"
        "assert frame.collect()[1][:] == (None, None)"
    ),
    "tests of frames": (
        "from pyspark.testing import assertDataFrameEqual\n"
        "assertDataFrameEqual(spark.range(2), spark.range(2))"
    ),
    "buckets": (
        "spark.range(2).write.format('parquet').bucketBy(2, 'id').sortBy('id').saveAsTable('dev.snippets.buckets')"
    ),
    "overwritten columns": (
        "spark.sql('CREATE TABLE dev.snippets.over (Id BIGINT GENERATED ALWAYS AS IDENTITY, Name STRING, n INT)')\n"
        "frame = spark.sql(\"SELECT 7 AS N, 'a' AS name\")\n"
        "frame.write.mode('overwrite').saveAsTable('dev.snippets.over')\n"
        "frame.write.mode('overwrite').option('mergeSchema', True).saveAsTable('dev.snippets.over')\n"
        "table = spark.table('dev.snippets.over')\n"
        "assert table.columns == ['Id', 'Name', 'n'] and table.count() == 1\n"
        "assert table.first().Id is not None and table.first()[1:] == ('a', 7), table.first()\n"
        "spark.sql('SELECT 1 AS n').write.mode('overwrite').option('overwriteSchema', True).saveAsTable('dev.snippets.over')\n"
        "assert spark.table('dev.snippets.over').columns == ['n']\n"
        "more = spark.sql('SELECT 3 AS More, 1 AS N')\n"
        "more.write.mode('overwrite').option('mergeSchema', True).saveAsTable('dev.snippets.over')\n"
        "assert spark.table('dev.snippets.over').first().asDict() == {'n': 1, 'More': 3}\n"
        "frame.write.mode('overwrite').save('/Volumes/dev/raw/over')\n"
        "more.write.mode('overwrite').option('mergeSchema', True).save('/Volumes/dev/raw/over')\n"
        "assert spark.read.load('/Volumes/dev/raw/over').first().asDict() == {'N': 1, 'name': None, 'More': 3}"
    ),
    "schema named like a catalog": (
        "spark.sql('CREATE SCHEMA IF NOT EXISTS samples')\n"
        "spark.range(2).write.saveAsTable('samples.own')\n"
        "spark.sql('MERGE INTO samples.own t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE')\n"
        "assert spark.table('main.samples.own').count() == 1 and spark.catalog.tableExists('samples.own')\n"
        "assert spark.sql('SHOW TABLES IN samples').first().tableName == 'own'\n"
        "spark.sql('USE samples'); spark.sql('USE default')\n"
        "spark.sql('DROP SCHEMA samples CASCADE')"
    ),
    "columns with values of their own": (
        "spark.sql(\"CREATE TABLE dev.snippets.filled (Id BIGINT GENERATED ALWAYS AS IDENTITY, a INT, d STRING DEFAULT 'x', m STRING) \"\n"
        "          \"TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')\")\n"
        "spark.sql('INSERT INTO dev.snippets.filled (a) VALUES (7)')\n"
        "row = spark.table('dev.snippets.filled').first()\n"
        "assert row.Id is not None and row[1:] == (7, 'x', None), row"
    ),
    "files by address": (
        "import os\n"
        "folder = 'file:/Volumes/dev/raw/addresses'\n"
        "spark.sql('SELECT 1 AS id').write.mode('overwrite').csv(folder, header=True)\n"
        "assert os.path.isdir('/Volumes/dev/raw/addresses')\n"
        "for path in (folder, folder.replace('file:/', 'file:///')):\n"
        "    assert spark.read.csv(path, header=True).columns == ['id'], path\n"
        "assert spark.sql(f'SELECT * FROM csv.`{folder}`').count() == 2\n"
        "assert spark.sql(\n"
        "    f\"SELECT id FROM read_files('{folder}', format => 'csv', header => true)\"\n"
        ").count() == 1"
    ),
    "files without a folder": (
        "spark.sql('SELECT 1 AS id').write.mode('overwrite').csv('relative/a', header=True)\n"
        "assert [each.name for each in dbutils.fs.ls('/relative')] == ['a/']\n"
        "assert spark.read.csv('relative/*', header=True).columns == ['id']"
    ),
    "files that do not exist": (
        "from pyspark.errors import AnalysisException\n"
        "for path in ('/Volumes/dev/raw/files/none.csv', '/Volumes/dev/raw/files/n*', 'file:/none.csv', 'none.csv'):\n"
        "    try:\n        spark.read.csv(path, schema='n INT')\n"
        "    except AnalysisException as error:\n"
        "        assert '[PATH_NOT_FOUND]' in str(error)\n"
        "        assert str(error).strip().endswith(path)\n"
        "    else:\n        raise AssertionError(path)"
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
    "columns except": (
        "spark.sql('CREATE OR REPLACE TEMP VIEW pairs AS SELECT 1 AS n, 2 AS m, \\'{\"a\": 3}\\' AS j')\n"
        "row = spark.sql('SELECT * EXCEPT (j), m + 1 AS p, p * 2 AS q, j:a::int AS a FROM pairs '\n"
        "'QUALIFY row_number() OVER (ORDER BY n) = 1').first()\n"
        "assert tuple(row) == (1, 2, 3, 6, 3), row"
    ),
    "rows of a subquery": (
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.d CLUSTER BY (n) AS SELECT 1 AS n, 2 AS m')\n"
        "spark.sql('INSERT INTO dev.snippets.d (n) VALUES (7), (8)')\n"
        "spark.sql('DELETE FROM dev.snippets.d WHERE n IN (SELECT 8)')\n"
        "assert sorted(map(tuple, spark.table('dev.snippets.d').collect())) == [(1, 2), (7, None)]\n"
        "spark.sql('TRUNCATE TABLE dev.snippets.d'); assert spark.table('dev.snippets.d').count() == 0"
    ),
    "replace a table by other columns": (
        "for columns in ('1 AS n, 2 AS m', '\"x\" AS n, 3 AS o'):\n"
        "    spark.sql(f'CREATE OR REPLACE TABLE dev.snippets.r AS SELECT {columns}')\n"
        "assert spark.table('dev.snippets.r').first().asDict() == {'n': 'x', 'o': 3}\n"
        "spark.sql('CREATE TABLE dev.snippets.u SHALLOW CLONE dev.snippets.r')\n"
        "assert spark.table('dev.snippets.u').columns == ['n', 'o']"
    ),
    "alter a table": (
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.a (n INT PRIMARY KEY, day STRING) PARTITIONED BY (day) "
        "TBLPROPERTIES (delta.enableChangeDataFeed = true)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.a VALUES (1, 'x')\")\n"
        "for change in ('ADD COLUMNS (m BIGINT AFTER n)', 'ADD COLUMN o BIGINT FIRST', 'CLUSTER BY (o)'):\n"
        "    spark.sql(f'ALTER TABLE dev.snippets.a {change}')\n"
        "assert spark.table('dev.snippets.a').dtypes == [('o', 'bigint'), ('n', 'int'), ('m', 'bigint'), ('day', 'string')]\n"
        "assert tuple(spark.table('dev.snippets.a').first()) == (None, 1, None, 'x')\n"
        "spark.sql(\"CREATE TABLE dev.snippets.mapped (id BIGINT GENERATED ALWAYS AS IDENTITY, `a b` INT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')\")\n"
        "spark.sql('INSERT INTO dev.snippets.mapped (`a b`) VALUES (1)'); spark.sql('ALTER TABLE dev.snippets.mapped ADD COLUMN c INT')\n"
        "spark.sql('INSERT INTO dev.snippets.mapped (`a b`, c) VALUES (2, 3)')\n"
        "assert sorted(map(tuple, spark.sql('SELECT `a b`, c FROM dev.snippets.mapped').collect())) == [(1, None), (2, 3)]\n"
        "assert spark.sql('DESCRIBE DETAIL dev.snippets.a').first().partitionColumns == ['day']"
    ),
    "replace some rows": (
        "frame = spark.createDataFrame([(1, 'x'), (2, 'y')], 'n INT, day STRING')\n"
        "frame.write.partitionBy('day').mode('overwrite').saveAsTable('dev.snippets.p')\n"
        "new = spark.createDataFrame([(3, 'y')], 'n INT, day STRING').write.mode('overwrite')\n"
        "new.option('replaceWhere', 'n > 1').saveAsTable('dev.snippets.p')\n"
        "assert sorted(map(tuple, spark.table('dev.snippets.p').collect())) == [(1, 'x'), (3, 'y')]\n"
        "spark.createDataFrame([(4, 'x')], 'n INT, day STRING').write.mode('overwrite').partitionBy('day') \\\n"
        "    .option('partitionOverwriteMode', 'dynamic').saveAsTable('dev.snippets.p')\n"
        "assert sorted(map(tuple, spark.table('dev.snippets.p').collect())) == [(3, 'y'), (4, 'x')]\n"
        "frame.write.partitionBy('day').format('delta').save(folder + '/p')\n"
        "frame.filter('n = 2').write.format('delta').mode('overwrite').option('replaceWhere', \"day = 'y'\").save(folder + '/p')\n"
        "assert spark.read.format('delta').load(folder + '/p').count() == 2\n"
        "new = spark.createDataFrame([(4, 'x')], 'n INT, day STRING').write.mode('overwrite').partitionBy('day')\n"
        "new.format('delta').option('partitionOverwriteMode', 'dynamic').save(folder + '/p')\n"
        "assert sorted(map(tuple, spark.read.format('delta').load(folder + '/p').collect())) == [(2, 'y'), (4, 'x')]"
    ),
    "descriptions": (
        "for text in ('dev.snippets.t', 'TABLE dev.snippets.t', '`dev`.snippets.t', 'EXTENDED dev.snippets.t', 'SELECT 1\\nAS n'):\n"
        "    for word in ('DESCRIBE', 'desc'):\n"
        "        assert spark.sql(f'{word} {text}').first().col_name == 'n', text\n"
        "assert spark.sql('SHOW USER FUNCTIONS IN dev.snippets').columns == ['function']"
    ),
    "catalog with a name of the run": (
        "for name in ('dropped', 'replaced'):\n"
        "    spark.range(1).createOrReplaceTempView(name); spark.range(1).createOrReplaceGlobalTempView(name)\n"
        "spark.catalog.dropTempView('dropped'); spark.sql('DROP VIEW global_temp.dropped'); spark.range(2).createOrReplaceTempView('replaced')\n"
        "spark.range(3).createOrReplaceTempView('kept'); spark.udf.register('kept_too', lambda n: n, 'long')\n"
        "name = 'env' + '_' + 'sales'; spark.sql(f'CREATE CATALOG IF NOT EXISTS {name}')\n"
        "spark.sql(f'USE CATALOG {name}'); spark.sql('CREATE SCHEMA IF NOT EXISTS gold')\n"
        "spark.sql('CREATE TABLE gold.t AS SELECT kept_too(id) AS id FROM kept')\n"
        "spark.catalog.setCurrentCatalog('main'); assert spark.table(f'{name}.gold.t').count() == 3\n"
        "assert spark.table('dev.snippets.saved').count() > 0\n"
        "spark.range(1).write.saveAsTable('env' + '_other.gold.t'); assert spark.table(f'{name}.gold.t').count() == 3\n"
        "assert not spark.catalog.tableExists('dropped') and not spark.catalog.tableExists('global_temp.dropped')\n"
        "assert spark.table('replaced').count() == 2 and spark.table('global_temp.replaced').count() == 1"
    ),
    "functions": (
        "spark.sql('CREATE OR REPLACE FUNCTION dev.snippets.twice(n INT) RETURNS INT RETURN n * 2')\n"
        "spark.sql('CREATE OR REPLACE FUNCTION dev.snippets.plus(n INT) RETURNS INT LANGUAGE PYTHON AS $$\\n  return n + 1\\n$$')\n"
        "row = spark.sql('SELECT dev.snippets.twice(dev.snippets.plus(id::int)) FROM range(3) WHERE id = 2').first()\n"
        "assert row[0] == 6, row"
    ),
    "copy into": (
        "open('/Volumes/dev/raw/copied/a.csv', 'w').write('id,name\\n1,a\\n')\n"
        "spark.sql('CREATE TABLE IF NOT EXISTS dev.snippets.copied'); before = {each.name for each in spark.catalog.listTables()}\n"
        "for count in (1, 0):\n"
        "    row = spark.sql(\"COPY INTO dev.snippets.copied FROM (SELECT id::int AS id, _metadata.file_name AS f FROM '/Volumes/dev/raw/copied') \"\n"
        "        \"FILEFORMAT = CSV FORMAT_OPTIONS ('header' = 'true') COPY_OPTIONS ('mergeSchema' = 'true')\").first()\n"
        "    assert row.num_affected_rows == count, row\n"
        "assert tuple(spark.table('dev.snippets.copied').first()) == (1, 'a.csv')\n"
        "assert {each.name for each in spark.catalog.listTables()} == before"
    ),
    "name of the file": (
        "frame = spark.read.option('header', True).csv('/Volumes/dev/raw/files').withColumn('f', F.col('_metadata.file_name'))\n"
        "assert frame.columns == ['id', 'day', 'f'] and frame.first().f == 'a.csv', frame.columns\n"
        "(path,) = frame.select('_metadata.file_path').first()\n"
        "assert path == dbutils.fs.ls('/Volumes/dev/raw/files')[0].path == 'dbfs:/Volumes/dev/raw/files/a.csv', path\n"
        "kept = frame.select('id').where('id > 0').withColumnRenamed('id', 'i').withColumns({'p': F.input_file_name(), 'q': F.col('_metadata.file_size') > 0})\n"
        "assert kept.columns == ['i', 'p', 'q'] and kept.first()[1:] == (path, True), kept.first()\n"
        "frame.withColumn('p', F.input_file_name()).write.mode('overwrite').saveAsTable('dev.snippets.named')\n"
        "assert spark.table('dev.snippets.named').columns == ['id', 'day', 'f', 'p']"
    ),
    "information schema": (
        "query = \"SELECT column_name FROM dev.information_schema.columns WHERE table_schema = 'snippets' AND table_name = 'named'\"\n"
        "assert spark.sql(query).count() == 4\n"
        "assert spark.sql('SHOW SCHEMAS IN dev').filter(\"databaseName = 'snippets'\").count() == 1"
    ),
    "lists as RDDs": (
        "spark.sparkContext.setLogLevel('WARN')\n"
        "assert spark.range(3).rdd.flatMap(lambda row: row).collect() == [0, 1, 2]\n"
        "assert spark.createDataFrame(spark.sparkContext.parallelize([(1, 'a')]), ['n', 's']).first().s == 'a'"
    ),
    "files with NULL where their schema has none": (
        "open('/Volumes/dev/raw/values/null.csv', 'w').write('id,s\\n1,\\n,b\\n')\n"
        "from pyspark.sql import types as T\n"
        "kind = T.StructType([T.StructField('id', T.StringType(), False), T.StructField('s', T.StringType(), False)])\n"
        "reader = spark.read.option('header', True)\n"
        "for read in (reader.schema(kind).csv, lambda path: reader.csv(path, schema=\"id STRING NOT NULL COMMENT 'NOT NULL', s STRING NOT NULL\")):\n"
        "    rows = read('/Volumes/dev/raw/values/null.csv')\n"
        "    rows.write.mode('overwrite').saveAsTable('dev.snippets.nulls')\n"
        "    assert [*map(tuple, spark.table('dev.snippets.nulls').collect())] == [('1', None), (None, 'b')]"
    ),
    "JSON over several lines": (
        "open('/Volumes/dev/raw/lines/a.json', 'w').write('[\\n{\"n\": 1},\\n{\"n\": 2}\\n]')\n"
        "assert spark.read.option('multiLine', True).json('/Volumes/dev/raw/lines').count() == 2"
    ),
    "row that is not replaced": (
        "from pyspark.errors import AnalysisException\n"
        "writer = spark.createDataFrame([(1, 'x')], 'n INT, p STRING').write.mode('overwrite'); writer.saveAsTable('dev.snippets.replaced')\n"
        "try:\n    writer.option('replaceWhere', \"p = 'y'\").saveAsTable('dev.snippets.replaced')\n"
        "except AnalysisException as error:\n    assert 'Filter them first' in str(error)\n"
        "else:\n    raise AssertionError"
    ),
    "fields of JSON": (
        'open(\'/Volumes/dev/raw/in/fields.json\', \'w\').write(\'{"z": 1, "a": {"y": 2, "b": []}, "n": null}\\n\')\n'
        "frame = spark.read.json('/Volumes/dev/raw/in/fields.json')\n"
        "assert frame.dtypes == [('a', 'struct<b:array<string>,y:bigint>'), ('n', 'string'), ('z', 'bigint')], frame.dtypes\n"
        "assert frame.select('a.y', '_metadata.file_name').first()[:] == (2, 'fields.json')"
    ),
    "several percentiles": (
        "row = spark.sql('SELECT approx_percentile(id, array(0.25, 0.5, 1.0)) AS a, percentile_approx(id, 0.5, 100) AS b FROM range(5)').first()\n"
        "assert (list(row.a), row.b) == ([1, 2, 4], 2), row\n"
        "assert spark.range(4).agg(F.percentile_approx('id', [0.5, 1.0])).first()[0] == [1, 3]\n"
        "assert spark.range(4).approxQuantile('id', [0.5], 0.0) == [1.0]\n"
        "from pyspark.sql import Window\n"
        "assert spark.range(3).select(F.percentile_approx('id', 0.5).over(Window.partitionBy())).first()[0] == 1"
    ),
    "time zone of the session": (
        "import datetime, time\n"
        "spark.conf.set('spark.sql.session.timeZone', 'America/New_York'); spark.sql('SET spark.sql.session.timeZone = Asia/Tokyo')\n"
        "row = spark.sql(\"SELECT hour(a), string(a), to_date(a), a FROM (SELECT CAST('2024-07-01 22:30:00' AS TIMESTAMP) AS a)\").first()\n"
        "assert tuple(row) == (22, '2024-07-01 22:30:00', datetime.date(2024, 7, 1), datetime.datetime(2024, 7, 1, 22, 30)), row\n"
        "assert (spark.conf.get('spark.sql.session.timeZone'), time.tzname[0]) == ('UTC', 'UTC')"
    ),
    "several columns less": (
        "spark.sql('CREATE TABLE dev.snippets.less (id INT, a STRING, b STRING)')\n"
        "spark.sql('INSERT INTO dev.snippets.less (id) VALUES (1)'); spark.sql('INSERT INTO dev.snippets.less BY NAME SELECT 2 AS id')\n"
        "spark.sql(\"INSERT INTO dev.snippets.less SELECT 3, NULL, NULL UNION ALL SELECT 4, 'x', 'x'\")\n"
        'spark.sql("INSERT INTO dev.snippets.less (id) WITH w AS (SELECT 5 AS id) SELECT id FROM w")\n'
        "rows = spark.sql('SELECT * FROM dev.snippets.less ORDER BY id').collect()\n"
        "assert list(map(tuple, rows)) == [(1, None, None), (2, None, None), (3, None, None), (4, 'x', 'x'), (5, None, None)], rows"
    ),
    "fewer columns with mergeSchema": (
        "spark.sql(\"CREATE TABLE dev.snippets.made (id BIGINT GENERATED ALWAYS AS IDENTITY, n INT, m INT GENERATED ALWAYS AS (n + 1), s STRING DEFAULT 'x') \"\n"
        "          \"PARTITIONED BY (m) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')\")\n"
        "spark.createDataFrame([(5,)], 'n INT').write.mode('append').option('mergeSchema', True).saveAsTable('dev.snippets.made')\n"
        "open('/Volumes/dev/raw/in/made.csv', 'w').write('n\\n6\\n')\n"
        "spark.sql(\"COPY INTO dev.snippets.made FROM (SELECT n::int AS n FROM '/Volumes/dev/raw/in/made.csv') FILEFORMAT = CSV FORMAT_OPTIONS ('header' = 'true')\")\n"
        "rows = spark.sql('SELECT id, n, m, s FROM dev.snippets.made ORDER BY n').collect()\n"
        "assert list(map(tuple, rows)) == [(1, 5, 6, 'x'), (2, 6, 7, 'x')], rows"
    ),
    "fewer columns": (
        "spark.createDataFrame([(5,)], 'o BIGINT').write.mode('append').saveAsTable('dev.snippets.a')\n"
        "assert spark.sql('INSERT INTO dev.snippets.a (o) VALUES (6)').first().num_affected_rows == 1\n"
        "assert spark.table('dev.snippets.a').count() == 3"
    ),
    "table with a record of changes": (
        "writer = spark.range(2).write.mode('overwrite').option('delta.enableChangeDataFeed', 'true')\n"
        "writer.saveAsTable('dev.snippets.changing'); writer.format('delta').save(folder + '/changing')\n"
        "assert spark.sql('UPDATE dev.snippets.changing SET id = 3').first().num_affected_rows == 2"
    ),
    "features of a table": (
        "key, of_a_file = 'delta.feature.catalogManaged', 'delta.feature.clustering'\n"
        "spark.sql(f\"CREATE TABLE dev.snippets.f1 (id INT) TBLPROPERTIES ('{key}' = 'supported')\")\n"
        "spark.sql(f\"ALTER TABLE dev.snippets.f1 SET TBLPROPERTIES ('{key}' = 'supported')\")\n"
        "spark.range(1).write.option(key, 'supported').saveAsTable('dev.snippets.f2')\n"
        "writer = spark.range(1).writeTo('dev.snippets.f3').using('delta')\n"
        "writer.tableProperty(of_a_file, 'supported').tableProperty('delta.enableRowTracking', 'true').create()\n"
        "assert [spark.table(f'dev.snippets.f{n}').count() for n in (1, 2, 3)] == [0, 1, 1]"
    ),
    "keys of joins by a name": (
        "a = spark.createDataFrame([(1, 'x'), (2, 'y')], 'k INT, s STRING').alias('a')\n"
        "b = spark.createDataFrame([(1, 5)], 'k INT, n INT').alias('b')\n"
        "joined = a.join(b, 'k', 'left').orderBy('a.k')\n"
        "assert list(map(tuple, joined.select('a.*', 'b.*').collect())) == [(1, 'x', 1, 5), (2, 'y', None, None)]\n"
        "assert joined.selectExpr('a.k + 1 AS m', 'a.*').columns == ['m', 'k', 's']\n"
        "assert joined.filter(F.col('b.k').isNull()).select('a.*').first().k == 2\n"
        "assert joined.withColumn('m', F.col('a.k')).filter(\"a.k = 2 OR s = 'a.k'\").select('a.*', 'm').first().m == 2\n"
        "twice = a.join(b, 'k').join(b.alias('c'), ['k'], 'left_semi')\n"
        "assert tuple(twice.select('a.*', 'b.n').first()) == (1, 'x', 5)\n"
        "c = b.withColumn('s', F.lit('z'))\n"
        "assert a.join(c, 'k').select('a.*', c['n']).columns == ['k', 's', 'n']"
    ),
    "keys of joins by a name, of frames": (
        "a = spark.createDataFrame([(1, 'x'), (2, 'y')], 'k INT, s STRING')\n"
        "b = spark.createDataFrame([(1, 5)], 'k INT, n INT')\n"
        "c = spark.createDataFrame([('x', 7)], 't STRING, m INT')\n"
        "joined = a.where('k > 0').join(b, 'k', 'left').join(c, a['s'] == c['t'])\n"
        "assert tuple(joined.select(a['k'], b['n'], c['m']).first()) == (1, 5, 7)\n"
        "assert joined.drop(a['k']).columns == ['s', 'n', 't', 'm']\n"
        "assert joined.drop(b['k']).columns == ['k', 's', 'n', 't', 'm']\n"
        "d = spark.createDataFrame([(1, 9)], 'k INT, o INT')\n"
        "assert tuple(a.join(b, 'k').join(d, a['k'] == d['k']).select(a['k'], 'o').first()) == (1, 9)\n"
        "assert a.join(b, 'k').withColumn('m', F.lit(1)).groupBy(a['k']).count().first().k == 1\n"
        "assert a.join(b, 'k', 'right').drop(b['k']).columns == ['s', 'n']\n"
        "named = a.alias('x').join(b, 'k').join(d, F.col('x.k') == d['k'])\n"
        "assert tuple(named.select('x.k', 'o').first()) == (1, 9)"
    ),
    "keys of joins with USING": (
        "for name, rows in {'ul': \"(1, 'x'), (2, 'y') AS t(k, s)\", 'ur': '(1, 5), (3, 6) AS t(k, n)'}.items():\n"
        "    spark.sql(f'CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM VALUES {rows}')\n"
        "def read(text):\n    return sorted(map(tuple, spark.sql(text, {'n': 4}).collect()))\n"
        "assert read('SELECT l.*, r.n FROM ul l JOIN (SELECT * FROM ur WHERE n > :n) r USING (k)') == [(1, 'x', 5)]\n"
        "assert read('SELECT l.k, l.* EXCEPT (k) FROM ul l LEFT JOIN ur USING (k) WHERE l.k > 1 ORDER BY l.k') == [(2, 'y')]\n"
        "assert read('SELECT ur.*, s FROM ul RIGHT JOIN ur USING (k)') == [(1, 5, 'x'), (3, 6, None)]\n"
        "assert read('SELECT ul.* FROM ul LEFT ANTI JOIN ur USING (k)') == [(2, 'y')]\n"
        "assert read('SELECT l.*, ur.n FROM ul l NATURAL JOIN ur') == [(1, 'x', 5)]\n"
        "assert read('WITH a AS (SELECT k AS K, n FROM ur) SELECT ul.*, n FROM ul NATURAL LEFT JOIN a WHERE ul.k > 1') == [(2, 'y', None)]\n"
        "assert read('SELECT a.*, b.* FROM (SELECT 1 AS x) a NATURAL JOIN (SELECT 2 AS y) b') == [(1, 2)]\n"
        "text = 'WITH o AS (SELECT 1), a AS (SELECT l.*, r.n FROM ul l LEFT JOIN ur r USING (k)), b AS (SELECT a.* FROM a JOIN ur USING (k)) '\n"
        "assert read(text + 'SELECT b.*, EXISTS (SELECT 1 FROM ur WHERE ur.k = 3) FROM b JOIN ur USING (k)') == [(1, 'x', 5, True)]\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.joined AS SELECT ul.* FROM ul JOIN ur USING (k)')\n"
        "spark.sql('INSERT INTO dev.snippets.joined SELECT ul.* FROM ul LEFT JOIN ur USING (k) GROUP BY ul.k, s HAVING ul.k > 1')\n"
        "assert read('SELECT * FROM dev.snippets.joined') == [(1, 'x'), (2, 'y')]"
    ),
    "part of a variant": (
        "row = spark.sql('SELECT to_json(v:a) AS a, v:a.b::int AS b, v:[\\'c d\\']::int AS c FROM (SELECT parse_json(\\'{\"a\": {\"b\": 3}, \"c d\": 4}\\') AS v)').first()\n"
        "assert tuple(row) == ('{\"b\":3}', 3, 4), row"
    ),
    "view of a table in its schema": (
        "for name in ('views', 'others'):\n"
        "    spark.sql(f'USE dev.{name}')\n"
        "    spark.sql(f\"CREATE OR REPLACE TABLE t AS SELECT '{name}' AS n\")\n"
        "    spark.sql('CREATE OR REPLACE VIEW v AS -- all\\n WITH c AS (SELECT * FROM t) SELECT c.n, `t`.n AS m FROM c JOIN `t` ON true')\n"
        "assert tuple(spark.table('dev.views.v').first()) == ('views', 'views')\n"
        "spark.sql('USE main.default')"
    ),
    "rows of a partition": (
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.parts (n INT, p STRING, m INT) PARTITIONED BY (p)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.parts PARTITION (p = 'x') VALUES (1, 2), (3, 4)\")\n"
        "spark.sql(\"INSERT INTO TABLE dev.snippets.parts PARTITION (P = 'y') SELECT 5, 6\")\n"
        "spark.sql(\"INSERT OVERWRITE dev.snippets.parts PARTITION (p = 'x') SELECT 7, 8\")\n"
        "spark.sql('INSERT INTO dev.snippets.parts PARTITION (p) SELECT 9, 10, \\'z\\'')\n"
        "rows = sorted(map(tuple, spark.table('dev.snippets.parts').collect()))\n"
        "assert rows == [(5, 'y', 6), (7, 'x', 8), (9, 'z', 10)], rows"
    ),
    "view that is altered": (
        "spark.sql('CREATE OR REPLACE VIEW dev.snippets.altered AS SELECT 1 AS n')\n"
        "spark.sql('ALTER VIEW dev.snippets.altered AS SELECT 2 AS m'); assert spark.table('dev.snippets.altered').first().m == 2"
    ),
    "patterns": (
        "row = spark.sql(\"SELECT 'abc' LIKE ANY ('x%', 'a%'), 'abc' LIKE ALL ('x%', 'a%'), 'abc' NOT ILIKE ANY ('A%')\").first()\n"
        "assert tuple(row) == (True, False, False), row"
    ),
    "types of parameters": (
        "from datetime import date, datetime; from decimal import Decimal\n"
        "values = [date(2024, 1, 2), datetime(2024, 1, 2, 3), Decimal('1.50'), 'a?', None, 2.5]\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.typed AS SELECT :d AS d, :t AS t, :x AS x', dict(zip('dtx', values)))\n"
        "assert spark.table('dev.snippets.typed').dtypes == [('d', 'date'), ('t', 'timestamp'), ('x', 'decimal(3,2)')]\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.marked (d DATE, t TIMESTAMP, x DECIMAL(3, 2), s STRING, n INT, f DOUBLE)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.marked SELECT ?, ?, ?, ?, ?, ? WHERE '?' = '?'\", values)\n"
        "assert list(spark.table('dev.snippets.marked').first()) == values"
    ),
    "columns of a table": (
        "spark.sql(\"CREATE OR REPLACE TABLE dev.snippets.c COMMENT 'all' TBLPROPERTIES ('shop.kind' = 'x') AS SELECT 1 AS a, 'x' AS b, 2 AS c\")\n"
        "assert tuple(spark.sql(\"SHOW TBLPROPERTIES dev.snippets.c ('shop.kind')\").first()) == ('shop.kind', 'x')\n"
        "assert spark.sql('DESCRIBE DETAIL dev.snippets.c').first().description == 'all'\n"
        "for change in (\"a COMMENT 'first'\", 'a SET NOT NULL', 'b SET NOT NULL', 'b DROP NOT NULL'):\n"
        "    spark.sql(f'ALTER TABLE dev.snippets.c ALTER COLUMN {change}')\n"
        "rows = [('a', 'int', 'first'), ('b', 'string', None), ('c', 'int', None)]\n"
        "assert list(map(tuple, spark.sql('DESCRIBE dev.snippets.c').collect())) == rows\n"
        "assert list(map(tuple, spark.sql('DESC TABLE dev.snippets.c a').collect())) == [('col_name', 'a'), ('data_type', 'int'), ('comment', 'first')]\n"
        "spark.sql('INSERT INTO dev.snippets.c VALUES (3, NULL, 4)')\n"
        "assert list(map(tuple, spark.sql('SELECT * FROM dev.snippets.c WHERE a = 3').collect())) == [(3, None, 4)]\n"
        "for statement in ('INSERT INTO dev.snippets.c VALUES (NULL, NULL, 5)', 'ALTER TABLE dev.snippets.c ALTER COLUMN b SET NOT NULL'):\n"
        "    try:\n        spark.sql(statement)\n"
        "    except Exception as error:\n        assert 'NULL' in str(error)\n"
        "    else:\n        raise AssertionError(statement)\n"
        "spark.range(1).write.format('delta').save('/Volumes/dev/raw/in/described')\n"
        "spark.sql(\"CREATE TABLE dev.snippets.described LOCATION '/Volumes/dev/raw/in/described'\")\n"
        "assert spark.sql('DESCRIBE dev.snippets.described').first().col_name == 'id'"
    ),
    "lists of objects": (
        "assert spark.sql('SHOW CATALOGS').columns == ['catalog']\n"
        "spark.sql('CREATE OR REPLACE VIEW dev.snippets.shown AS SELECT 1 AS n')\n"
        "row = spark.sql(\"SHOW VIEWS IN dev.snippets LIKE 'shown'\").first()\n"
        "assert (row.namespace, row.viewName, row.isTemporary) == ('snippets', 'shown', False)\n"
        "spark.sql('CREATE OR REPLACE FUNCTION dev.snippets.gone(n INT) RETURNS INT RETURN n')\n"
        "spark.sql('USE dev.snippets'); spark.sql('DROP FUNCTION IF EXISTS gone'); spark.sql('USE main.default')"
    ),
    "view of the name of a table": (
        "from pyspark.errors import AnalysisException\n"
        "try:\n    spark.sql('CREATE OR REPLACE VIEW dev.snippets.saved AS SELECT 5 AS n')\n"
        "except AnalysisException as error:\n    assert 'Drop it first, with DROP TABLE dev.snippets.saved' in str(error)\n"
        "else:\n    raise AssertionError"
    ),
    "types of folders": (
        "frame = spark.createDataFrame([(1, 2, 1.5, '2024-01-01', 'x')], 'n INT, i INT, f DOUBLE, d STRING, s STRING')\n"
        "frame.write.partitionBy('i', 'f', 'd', 's').parquet('/Volumes/dev/raw/in/typed')\n"
        "kinds = spark.read.parquet('/Volumes/dev/raw/in/typed').select('i', 'f', 'd', 's', '_metadata.file_name').dtypes\n"
        "assert [kind for _, kind in kinds] == ['int', 'double', 'date', 'string', 'string'], kinds\n"
        "for pattern in ('i=*', '*/f=1.5/*', 'i={2,3}'):\n"
        "    assert spark.read.parquet(f'/Volumes/dev/raw/in/typed/{pattern}').count() == 1, pattern\n"
        "try:\n    spark.read.parquet('/Volumes/dev/raw/in/typed/none=*')\n"
        "except Exception as error:\n    assert 'PATH_NOT_FOUND' in str(error)\n"
        "else:\n    raise AssertionError"
    ),
    "version of a location": (
        "spark.range(2).write.mode('overwrite').saveAsTable('dev.snippets.versions'); spark.range(3).write.mode('overwrite').saveAsTable('dev.snippets.versions')\n"
        "location = spark.sql('DESCRIBE DETAIL dev.snippets.versions').first().location\n"
        "assert spark.read.format('delta').option('versionAsOf', 0).load(location).count() == 2"
    ),
    "frame of a list of files": (
        "assert spark.createDataFrame(dbutils.fs.ls('/Volumes/dev/raw/in')).columns == ['path', 'name', 'size', 'modificationTime']"
    ),
    "function with two variables": (
        "frame = spark.createDataFrame([([1, 2],)], 'x ARRAY<INT>')\n"
        "assert frame.select(F.zip_with('x', F.array(F.lit(5)), lambda a, b: a + b)).first()[0] == [6, None]"
    ),
    "times in JSON": (
        "from datetime import datetime\n"
        'texts = [(\'{"timestamp": "2024-03-01T10:00:00Z", "a": [{"t": "2024-03-01T10:00:00.5+01:00"}]}\',), (\'{"timestamp": "oops"}\',), (\'no JSON\',)]\n'
        "frame = spark.createDataFrame(texts, ['j'])\n"
        "kind = 'timestamp TIMESTAMP, a ARRAY<STRUCT<t: TIMESTAMP>>'\n"
        "for parsed in (F.from_json('j', kind), F.from_json('j', spark.createDataFrame([], kind).schema), F.expr(f\"from_json(j, '{kind}')\")):\n"
        "    rows = [row.p for row in frame.select(parsed.alias('p')).collect()]\n"
        "    assert rows[0].timestamp == datetime(2024, 3, 1, 10) and rows[0].a[0].t == datetime(2024, 3, 1, 9, 0, 0, 500000), rows\n"
        "    assert rows[1].timestamp is None and (rows[2] is None or rows[2].timestamp is None), rows"
    ),
    "lists over windows": (
        'rows = "FROM VALUES (1, 1), (NULL, 2), (3, 3) AS t(a, b)"\n'
        "frame = spark.sql(f'SELECT b, collect_list(a) OVER (ORDER BY b) AS s, array_agg(a) OVER w AS f {rows} WINDOW w AS (ORDER BY b)')\n"
        "assert [tuple(row) for row in frame.orderBy('b').collect()] == [(1, [1], [1]), (2, [1], [1]), (3, [1, 3], [1, 3])]\n"
        "frame = spark.sql(f'SELECT * {rows}').select('b', F.collect_list('a').over(Window.orderBy('b')).alias('s')).orderBy('b')\n"
        "assert [row.s for row in frame.collect()] == [[1], [1], [1, 3]]"
    ),
    "days of the week and between times": (
        "row = spark.sql(\"SELECT DATE'2024-01-07' AS d, TIMESTAMP'2024-01-01 12:00:00' AS s, TIMESTAMP'2024-01-02 11:00:00' AS e\")\n"
        "row = row.select(F.date_part(F.lit('dow'), 'd'), F.extract(F.lit('year'), 'd'), F.timestamp_diff('DAY', 's', 'e'), F.timestamp_diff('HOUR', 's', 'e')).first()\n"
        "assert row[:] == (1, 2024, 0, 23), row"
    ),
    "partitions that are overwritten": (
        "spark.createDataFrame([(1, 'x'), (2, 'y')], 'n INT, p STRING').write.partitionBy('p').saveAsTable('dev.snippets.dynamic')\n"
        "spark.conf.set('spark.sql.sources.partitionOverwriteMode', 'dynamic')\n"
        "def read():\n    return sorted(map(tuple, spark.table('dev.snippets.dynamic').collect()))\n"
        "spark.createDataFrame([(3, 'x')]).write.mode('overwrite').insertInto('dev.snippets.dynamic')\n"
        "assert read() == [(2, 'y'), (3, 'x')], read()\n"
        "spark.createDataFrame([(4, 'y')], 'n INT, p STRING').write.mode('overwrite').saveAsTable('dev.snippets.dynamic')\n"
        "assert read() == [(3, 'x'), (4, 'y')], read()\n"
        "spark.sql(\"INSERT OVERWRITE dev.snippets.dynamic SELECT 5, 'x'\")\n"
        "spark.sql(\"INSERT OVERWRITE TABLE dev.snippets.dynamic PARTITION (p) SELECT 6, 'z'\")\n"
        "assert read() == [(4, 'y'), (5, 'x'), (6, 'z')], read()\n"
        "spark.conf.set('spark.sql.sources.partitionOverwriteMode', 'static')\n"
        "spark.sql(\"INSERT OVERWRITE dev.snippets.dynamic SELECT 7, 'x'\")\n"
        "assert read() == [(7, 'x')], read()"
    ),
    "rows beside those that SQL replaces": (
        "from pyspark.errors import AnalysisException\n"
        "spark.sql(\"CREATE OR REPLACE TABLE dev.snippets.beside AS SELECT 1 AS n, 'x' AS p\")\n"
        "spark.sql(\"INSERT INTO dev.snippets.beside REPLACE WHERE p = 'x' SELECT 2, 'x'\")\n"
        "try:\n    spark.sql(\"INSERT INTO dev.snippets.beside REPLACE WHERE p = 'x' SELECT 3, 'y'\")\n"
        "except AnalysisException as error:\n    assert 'REPLACE_WHERE_MISMATCH' in str(error)\n"
        "else:\n    raise AssertionError\n"
        "assert list(map(tuple, spark.table('dev.snippets.beside').collect())) == [(2, 'x')]"
    ),
    "merge with ids": (
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.ids (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), k INT, s STRING)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.ids (k, s) VALUES (1, 'a')\")\n"
        "merge = \"MERGE INTO dev.snippets.ids AS t USING (SELECT * FROM VALUES (1, 'b'), (2, 'c') AS v(k, s)) s ON t.k = s.k WHEN MATCHED THEN UPDATE SET s = s.s WHEN NOT MATCHED THEN INSERT (k, s) VALUES (s.k, s.s)\"\n"
        "assert spark.sql(merge).first().asDict() == {'num_affected_rows': 2, 'num_updated_rows': 1, 'num_deleted_rows': 0, 'num_inserted_rows': 1}\n"
        "from delta.tables import DeltaTable\n"
        "more = spark.createDataFrame([(3, 'd')], 'k INT, s STRING')\n"
        "DeltaTable.forName(spark, 'dev.snippets.ids').alias('t').merge(more.alias('u'), 't.k = u.k').whenNotMatchedInsert(values={'k': 'u.k', 's': 'u.s'}).execute()\n"
        "spark.sql(\"INSERT INTO dev.snippets.ids (k, s) VALUES (4, 'e')\")\n"
        "rows = spark.table('dev.snippets.ids').orderBy('k').collect()\n"
        "assert [row[1:] for row in rows] == [(1, 'b'), (2, 'c'), (3, 'd'), (4, 'e')], rows\n"
        "ids = [row.id for row in rows]\n"
        "assert ids == sorted(set(ids)) and ids[0] == 10 and not any(each % 5 for each in ids), ids"
    ),
    "entries of the catalog": (
        "spark.sql(\"CREATE TABLE dev.snippets.known (a INT COMMENT 'b', b STRING NOT NULL, p DATE) PARTITIONED BY (p)\")\n"
        "known = spark.catalog.listColumns('dev.snippets.known')\n"
        "spark.sql(\"ALTER TABLE dev.snippets.known ALTER COLUMN a COMMENT 'c'\")\n"
        "spark.sql(\"ALTER TABLE dev.snippets.known ALTER COLUMN a COMMENT 'b'\")\n"
        "assert spark.catalog.listColumns('dev.snippets.known') == known and len(known) == 3"
    ),
    "arrays with and without NULL": (
        "frame = spark.createDataFrame([([1, 2],)], 'a ARRAY<INT>')\n"
        "frame = frame.selectExpr('a', 'array_except(a, array(1)) AS b', 'array_except(a, array(2L)) AS c')\n"
        "assert tuple(frame.select('b', 'c', F.array_except('a', F.array(F.lit(1)))).first()) == ([2], [1], [2])"
    ),
    "versions with other columns": (
        "from delta.tables import DeltaTable\n"
        "from pyspark.errors import AnalysisException\n"
        "spark.sql('CREATE TABLE dev.snippets.older (a INT, b STRING)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.older VALUES (1, 'x')\")\n"
        "spark.sql('SELECT a FROM dev.snippets.older').write.mode('overwrite').option('overwriteSchema', True).saveAsTable('dev.snippets.older')\n"
        "spark.sql('ALTER TABLE dev.snippets.older ADD COLUMN c INT')\n"
        "spark.sql('INSERT INTO dev.snippets.older VALUES (2, 3)')\n"
        "read = lambda query: sorted(map(tuple, spark.sql(query).collect()))\n"
        "rows = read('SELECT older.*, n.c FROM dev.snippets.older VERSION AS OF 1 JOIN dev.snippets.older n ON n.a > older.a')\n"
        "assert rows == [(1, 'x', 3)], rows\n"
        "assert read('SELECT b FROM dev.snippets.older@v1 AS o WHERE o.a = 1') == [('x',)]\n"
        "assert spark.read.option('versionAsOf', 1).table('dev.snippets.older').columns == ['a', 'b']\n"
        "last = spark.sql('DESCRIBE HISTORY dev.snippets.older').first()\n"
        "spark.sql('RESTORE TABLE dev.snippets.Older TO VERSION AS OF 1')\n"
        "assert read('SELECT * FROM dev.snippets.older') == [(1, 'x')]\n"
        "spark.sql(\"INSERT INTO dev.snippets.older VALUES (4, 'y')\")\n"
        "spark.sql(\"UPDATE dev.snippets.older SET b = 'z'\")\n"
        "DeltaTable.forName(spark, 'dev.snippets.older').restoreToTimestamp(str(last.timestamp))\n"
        "assert read('SELECT a, c FROM dev.snippets.older') == [(1, None), (2, 3)]\n"
        "for moment in ('VERSION AS OF 99', \"TIMESTAMP AS OF '2000-01-01'\"):\n"
        "    try:\n        spark.sql(f'RESTORE dev.snippets.older TO {moment}')\n"
        "    except AnalysisException as error:\n        assert 'DESCRIBE HISTORY' in str(error), error\n"
        "    else:\n        raise AssertionError(moment)"
    ),
    "constraints": (
        "from pyspark.errors import AnalysisException\n"
        "def refuse(statement, condition):\n"
        "    try:\n        spark.sql(statement)\n"
        "    except AnalysisException as error:\n        assert condition in str(error), error\n"
        "    else:\n        raise AssertionError(statement)\n"
        "spark.sql('CREATE TABLE dev.snippets.checked (a INT, b INT)')\n"
        "spark.sql('ALTER TABLE dev.snippets.checked ADD CONSTRAINT pos CHECK (a > 0)')\n"
        "refuse('INSERT INTO dev.snippets.checked VALUES (-1, 2)', 'pos')\n"
        "spark.sql('ALTER TABLE dev.snippets.checked ADD COLUMN c INT')\n"
        "spark.sql('INSERT INTO dev.snippets.checked VALUES (1, 2, 3)')\n"
        "refuse('INSERT INTO dev.snippets.checked (a) VALUES (-1)', 'pos')\n"
        "spark.sql('ALTER TABLE dev.snippets.checked DROP CONSTRAINT IF EXISTS other')\n"
        "refuse('INSERT INTO dev.snippets.checked VALUES (-1, 2, 3)', 'pos')\n"
        "spark.sql('ALTER TABLE dev.snippets.checked DROP CONSTRAINT Pos')\n"
        "spark.sql('INSERT INTO dev.snippets.checked VALUES (-1, 2, 3)'); spark.sql('UPDATE dev.snippets.checked SET a = -2')\n"
        "spark.sql('ALTER TABLE dev.snippets.checked ADD CONSTRAINT neg CHECK (a < 0)')\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.checked AS SELECT 1 AS x')\n"
        "spark.sql('INSERT INTO dev.snippets.checked VALUES (2)'); spark.sql('UPDATE dev.snippets.checked SET x = 3')"
    ),
    "lengths of texts": (
        "spark.sql('CREATE TABLE dev.snippets.short (id BIGINT GENERATED ALWAYS AS IDENTITY, s VARCHAR(3), c CHAR(2), t STRING) COMMENT \"a\" PARTITIONED BY (t)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.short (s, c, t) VALUES ('abc  ', 'ab', 'long'), (NULL, NULL, NULL)\")\n"
        "spark.sql('CREATE TABLE dev.snippets.shorter LIKE dev.snippets.short'); spark.sql('CREATE TABLE IF NOT EXISTS dev.snippets.short (t VARCHAR(1))')\n"
        "assert spark.sql('SELECT count(*) FROM dev.snippets.short VERSION AS OF 1').first()[0] == 2\n"
        "def refuse(write, *args):\n"
        "    try:\n        write(*args)\n"
        "    except Exception as error:\n        assert '<= ' in str(error), error\n"
        "    else:\n        raise AssertionError(args)\n"
        "frame = spark.createDataFrame([(9, 'abcd', 'a', 'x')], 'id BIGINT, s STRING, c STRING, t STRING')\n"
        "frame.createOrReplaceTempView('longer')\n"
        "refuse(spark.sql, \"INSERT INTO dev.snippets.short (c) VALUES ('abc')\")\n"
        "refuse(spark.sql, \"UPDATE dev.snippets.short SET s = 'abcd'\")\n"
        "refuse(spark.sql, 'MERGE INTO dev.snippets.short t USING longer u ON t.c = u.c WHEN NOT MATCHED THEN INSERT (s) VALUES (u.s)')\n"
        "refuse(frame.drop('id').write.mode('append').saveAsTable, 'dev.snippets.short')\n"
        "refuse(frame.drop('id').write.mode('overwrite').saveAsTable, 'dev.snippets.short')\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.texts (s VARCHAR(3), n INT)')\n"
        "refuse(frame.selectExpr('s', '1 AS n').write.mode('overwrite').saveAsTable, 'dev.snippets.texts')\n"
        "spark.table('dev.snippets.texts').withColumnRenamed('s', 'u').writeTo('dev.snippets.free').createOrReplace()\n"
        "spark.sql(\"INSERT INTO dev.snippets.free VALUES ('abcd', 1)\")\n"
        "spark.sql('ALTER TABLE dev.snippets.texts ADD COLUMN u VARCHAR(1)')\n"
        "refuse(spark.sql, \"INSERT INTO dev.snippets.texts VALUES ('abcd', 1, 'x')\")\n"
        'refuse(spark.sql, "MERGE INTO dev.snippets.texts t USING longer s ON t.s = s.s WHEN NOT MATCHED THEN INSERT (s) VALUES (s.s)")'
    ),
    "columns of a table in another one": (
        "spark.sql(\"CREATE OR REPLACE TABLE dev.snippets.source (id BIGINT GENERATED ALWAYS AS IDENTITY, n INT DEFAULT 7) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')\")\n"
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.target AS SELECT * FROM dev.snippets.source')\n"
        "spark.sql('INSERT INTO dev.snippets.target VALUES (5, 6)')\n"
        "spark.sql('INSERT INTO dev.snippets.target (id) VALUES (8)')\n"
        "assert sorted(map(tuple, spark.table('dev.snippets.target').collect())) == [(5, 6), (8, None)]"
    ),
    "columns that have been full": (
        "frame = spark.createDataFrame([(1,)], 'n INT').withColumn('at', F.current_timestamp())\n"
        "frame = frame.withColumn('s', F.when(F.col('n') > 0, 'a').otherwise('b'))\n"
        "frame.write.mode('append').saveAsTable('dev.snippets.full')\n"
        "spark.sql('INSERT INTO dev.snippets.full (n) VALUES (2)')\n"
        "assert tuple(spark.table('dev.snippets.full').filter('n = 2').first()) == (2, None, None)"
    ),
    "values with types": (
        "spark.sql('CREATE OR REPLACE TABLE dev.snippets.nested (n INT, x ARRAY<STRUCT<s: STRING, q: INT>>, t TIMESTAMP)')\n"
        "spark.sql(\"INSERT INTO dev.snippets.nested VALUES (1, array(named_struct('s', 'a', 'q', 1)), TIMESTAMP'2024-01-01 10:00:00'), (2, NULL, '2024-01-02'), (3, array(struct('b', 2)), NULL)\")\n"
        "rows = spark.table('dev.snippets.nested').orderBy('n').collect()\n"
        "assert [row.x and row.x[0].s for row in rows] == ['a', None, 'b'] and rows[1].t.day == 2, rows"
    ),
    "names of paths": (
        "frame = spark.sql(\"SELECT j:a, j:a.b::int, j:c[0].`d e` FROM (SELECT '{}' AS j)\")\n"
        "assert frame.columns == ['a', 'b', 'd e'], frame.columns"
    ),
    "pandas on Spark": (
        "import pyspark.pandas as ps\n"
        "frame = ps.from_pandas(__import__('pandas').DataFrame({'k': ['a', 'a', 'b'], 'n': [1, 2, 3]}))\n"
        "assert frame.groupby('k')['n'].sum().to_dict() == {'a': 3, 'b': 3}\n"
        "assert spark.range(5).pandas_api().loc[1:2].shape == (2, 1)"
    ),
    "metrics of a frame": (
        "from pyspark.sql import Observation\n"
        "observation = Observation('rows')\n"
        "assert spark.range(3).observe(observation, F.count('*').alias('n')).count() == 3\n"
        "assert observation.get == {'n': 3}"
    ),
    "rows as JSON": (
        "frame = spark.sql(\"SELECT t, to_json(struct(t)) AS a FROM VALUES (TIMESTAMP'2024-01-01 10:00:00') AS v(t)\")\n"
        "row = frame.select('a', F.to_json(F.struct('t')), F.to_json(F.struct('t'), {'timestampFormat': 'yyyy'})).first()\n"
        'assert tuple(row) == (*[\'{"t":"2024-01-01T10:00:00.000Z"}\'] * 2, \'{"t":"2024"}\'), row'
    ),
    "corrupt lines of CSV": (
        "open('/Volumes/dev/raw/corrupt/a.csv', 'w').write('id,n\\n1,10\\n2,x\\n3\\n')\n"
        "reader = spark.read.option('header', True)\n"
        "rows = reader.schema('id INT, n INT, _corrupt_record STRING').csv('/Volumes/dev/raw/corrupt').orderBy('id').collect()\n"
        "assert list(map(tuple, rows)) == [(1, 10, None), (2, None, '2,x'), (3, None, None)], rows\n"
        "assert spark.read.csv('/Volumes/dev/raw/corrupt', header=True).filter('n IS NULL').first().id == '3'"
    ),
    "values beside their hint": (
        "open('/Volumes/dev/raw/hinted/a.csv', 'w').write('id,n\\n1,2.5\\n2,x\\n')\n"
        "stream = spark.readStream.format('cloudFiles').option('cloudFiles.format', 'csv').option('header', True)\n"
        "stream = stream.option('cloudFiles.schemaHints', 'n DOUBLE').load('/Volumes/dev/raw/hinted')\n"
        "stream.writeStream.option('checkpointLocation', folder + '/hinted').trigger(availableNow=True).toTable('dev.snippets.hinted').awaitTermination()\n"
        "assert {row.id: row.n for row in spark.table('dev.snippets.hinted').collect()} == {'1': 2.5, '2': None}"
    ),
    "explained with parameters": (
        "spark.sql('EXPLAIN SELECT id FROM range(3) WHERE id > :n', {'n': 1}).collect()\n"
        "spark.sql('DESCRIBE SCHEMA EXTENDED dev.snippets').collect(); spark.range(1).select(F.uuid()).collect()"
    ),
    "display": "spark.range(2).display(); spark.catalog.refreshTable('dev.snippets.saved')",
    "settings": "spark.sql('SET spark.a.b = 3'); assert spark.conf.get('spark.a.b') == '3'; spark.conf.get('spark.databricks.workspaceUrl'); spark.conf.set('spark.sql.shuffle.partitions', '8')",
    "another session": "SparkSession.builder.master('local[2]').appName('a').getOrCreate().range(1).count()",
}
ADVISED = {
    "RDD": ("spark.range(3).rdd.aggregate(0, max, max)", "Use DataFrames"),
    "SparkContext": ("spark.sparkContext.wholeTextFiles('/a')", "Use DataFrames"),
    "Kafka": ("spark.read.format('kafka').load().collect()", "the format kafka"),
    "function of a model": (
        "spark.sql(\"SELECT ai_query('m', 'p')\").collect()",
        "local_simulation",
    ),
    "column that a select dropped": (
        "spark.table('dev.snippets.saved').selectExpr('1 AS n').distinct().where('id = 1').count()",
        "no column id here",
    ),
    "column of NULL": (
        "spark.sql('SELECT 1 AS a, NULL AS b').write.saveAsTable('dev.snippets.nothing')",
        "Give a type",
    ),
    "key of an outer join": (
        "spark.range(2).alias('a').join(spark.range(1).alias('b'), 'id', 'full').filter('b.id IS NULL').collect()",
        "Join by a condition",
    ),
    "key of an outer join of frames": (
        "b = spark.range(1); spark.range(2).join(b, 'id', 'left').withColumn('m', F.lit(1)).select(b['id']).collect()",
        "Join by a condition",
    ),
    "key of an outer join with USING": (
        "spark.sql('SELECT ur.* FROM ul LEFT JOIN ur USING (k)').collect()",
        "has no ur.k here after a JOIN with USING (k). Join by a condition, such as ON ur.k = other.k",
    ),
    "key with USING in a query within": (
        "spark.sql('SELECT (SELECT max(o.n) FROM ur o WHERE o.k = ul.k) FROM ul JOIN ur USING (k)').collect()",
        "Join by a condition",
    ),
    "key with USING below an alias": (
        "spark.sql('SELECT upper(s) AS k FROM ul JOIN ur USING (k) ORDER BY ul.k').collect()",
        "Join by a condition",
    ),
    "several keys": (
        "spark.sql('SELECT ul.k FROM ul JOIN ur USING (k) JOIN ur o ON ul.k = o.k').collect()",
        "In place of JOIN … USING (k), join by a condition with ON",
    ),
    "value of another type": (
        "open('/Volumes/dev/raw/copied/bad.csv', 'w').write('x\\n'); spark.read.csv('/Volumes/dev/raw/copied/bad.csv', schema='n INT', mode='FAILFAST').collect()",
        "Read the column as a STRING",
    ),
    "function that was dropped": (
        "spark.sql('SELECT dev.snippets.gone(1)').collect()",
        "with CREATE FUNCTION",
    ),
    "all elements of a path": (
        "spark.sql(\"SELECT j:a[*].b FROM (SELECT '{}' AS j)\").collect()",
        "reads no [*]",
    ),
    "all elements in a frame": (
        "spark.sql(\"SELECT '{}' AS j\").select(F.get_json_object('j', '$.a[*].b')).collect()",
        "reads no [*]",
    ),
    "all elements by the function": (
        "spark.sql(\"SELECT get_json_object('{}', '$.a[*].b')\").collect()",
        "reads no [*]",
    ),
    "number in a text": (
        "spark.sql(\"SELECT a * 2 FROM VALUES ('1') AS t(a)\").collect()",
        "CAST(… AS DOUBLE)",
    ),
    "map without NULL": ("spark.sql(\"SELECT explode(map('a', 1))\").collect()", "has a defect"),
    "column that is renamed": (
        "spark.sql('ALTER TABLE dev.snippets.saved RENAME COLUMN id TO key')",
        "Write the table again: CREATE OR REPLACE TABLE",
    ),
    "column that is moved": (
        "spark.sql('ALTER TABLE dev.snippets.saved ALTER COLUMN id FIRST')",
        "columns in another order",
    ),
    "function with a lambda": (
        "spark.sql('SELECT transform_values(map(1, 2), (k, v) -> v)').collect()",
        "Use transform over map_entries",
    ),
    "insert into a folder": (
        "spark.sql('-- more\\nINSERT INTO delta.`/Volumes/dev/raw/in/none` VALUES (1)')",
        "Write a frame into the folder",
    ),
    "unpivot": (
        "spark.sql('SELECT * FROM (SELECT 1 AS a, 2 AS b) UNPIVOT (n FOR k IN (a, b))').collect()",
        "Use unpivot of a frame",
    ),
    "all columns of a frame": (
        "frame = spark.range(1); frame.select(frame['*']).collect()",
        "select by it: frame.alias('a'), 'a.*'",
    ),
    "cached query": (
        "spark.sql('CACHE TABLE kept AS SELECT 1 AS n')",
        "Write it otherwise",
    ),
    "metric view": (
        "spark.sql('CREATE VIEW dev.snippets.m WITH METRICS LANGUAGE YAML AS $$source: t$$')",
        "Write a plain view",
    ),
}


def test_usual_snippets_run_or_say_what_to_do(workspaces: Callable[..., Any]) -> None:
    errors = check_snippets(workspaces, RUN, ADVISED)
    for name, error in errors.items():
        assert re.match(r"(\w+: )?Sail ", error), name
