# Databricks notebook source
# ruff: noqa: F821
# mypy: ignore-errors
# MAGIC %md
# MAGIC # What the day brought

# COMMAND ----------

# MAGIC %run ./words

# COMMAND ----------

dbutils.notebook.exit(
    sentence(dbutils.widgets.get("day"), dbutils.widgets.get("rows"), dbutils.widgets.get("least"))
)
