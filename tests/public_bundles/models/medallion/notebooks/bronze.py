# Databricks notebook source
dbutils.widgets.text("catalog", "none")
catalog = dbutils.widgets.get("catalog")

# COMMAND ----------

# MAGIC %run ./settings

# COMMAND ----------

import os

os.makedirs(f"{landing}/orders", exist_ok=True)
with open(f"{landing}/orders/day.csv", "w") as file:
    file.write("id,amount\n1,10\n2,20\n2,30\n")
print(dbutils.fs.ls(f"{landing}/orders"))

# COMMAND ----------

orders = spark.read.option("header", True).option("inferSchema", True).csv(f"{landing}/orders")
orders.write.mode("overwrite").saveAsTable(f"{catalog}.bronze.orders")
dbutils.jobs.taskValues.set(key="rows", value=orders.count())
