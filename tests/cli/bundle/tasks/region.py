# Databricks notebook source
# ruff: noqa: F821
region = dbutils.widgets.get("region")  # type: ignore[name-defined]
print(f"Reading {region}")
if region == "south":
    raise ValueError("no such region")
dbutils.notebook.exit(f"{region}: 12 rows")  # type: ignore[name-defined]
