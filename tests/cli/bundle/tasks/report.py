# Databricks notebook source
import json

# COMMAND ----------

dbutils.notebook.exit(json.dumps(dbutils.widgets.getAll(), sort_keys=True))  # type: ignore[name-defined]  # noqa: F821
