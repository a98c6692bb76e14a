# Databricks notebook source
# ruff: noqa: F821
# mypy: ignore-errors
dbutils.notebook.exit(f"published for run {dbutils.widgets.get('from_run')}")
