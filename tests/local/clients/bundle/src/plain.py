# Databricks notebook source
# ruff: noqa: F821
# mypy: ignore-errors
dbutils.notebook.exit(str(dbutils.widgets.getAll()))
