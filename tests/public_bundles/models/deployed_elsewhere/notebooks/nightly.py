# Databricks notebook source
from databricks.connect import DatabricksSession
from pyspark.dbutils import DBUtils

spark = DatabricksSession.builder.getOrCreate()
print(DBUtils(spark).widgets.getAll(), spark.range(3).count())
