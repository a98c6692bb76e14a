# Databricks notebook source
# mypy: ignore-errors
dbutils.widgets.text("day", "")  # noqa: F821

# COMMAND ----------

dbutils.notebook.exit(f"loaded {dbutils.widgets.get('day')}")  # noqa: F821
