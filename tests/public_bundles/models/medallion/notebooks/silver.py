# Databricks notebook source
from pyspark.sql import functions as F
from pyspark.sql.window import Window

catalog = dbutils.widgets.get("catalog")
rows = dbutils.jobs.taskValues.get(taskKey="bronze", key="rows", default=0, debugValue=3)
assert rows == 3

# COMMAND ----------

newest = Window.partitionBy("id").orderBy(F.desc("amount"))
latest = (
    spark.table(f"{catalog}.bronze.orders")
    .withColumn("rank", F.row_number().over(newest))
    .where("rank = 1")
    .drop("rank")
)
latest.createOrReplaceTempView("latest")

# COMMAND ----------

# MAGIC %sql
# MAGIC CREATE TABLE IF NOT EXISTS lakehouse.silver.orders (id INT, amount INT) USING DELTA;
# MAGIC MERGE INTO lakehouse.silver.orders AS t USING latest AS s ON t.id = s.id
# MAGIC WHEN MATCHED THEN UPDATE SET t.amount = s.amount
# MAGIC WHEN NOT MATCHED THEN INSERT (id, amount) VALUES (s.id, s.amount)

# COMMAND ----------

result = dbutils.notebook.run("./check", 60, {"table": f"{catalog}.silver.orders"})
dbutils.notebook.exit(result)
