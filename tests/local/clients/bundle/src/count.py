# Databricks notebook source
# ruff: noqa: F821
# mypy: ignore-errors
dbutils.notebook.exit(f"42 rows on {dbutils.widgets.get('day')}")
