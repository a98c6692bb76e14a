# Databricks notebook source
import json

# COMMAND ----------

print("hello")
shown = json.dumps(dbutils.widgets.getAll(), sort_keys=True)  # type: ignore[name-defined]  # noqa: F821
dbutils.notebook.exit(shown)  # type: ignore[name-defined]  # noqa: F821
