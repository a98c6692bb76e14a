# Databricks notebook source
dbutils.notebook.exit(spark.table(dbutils.widgets.get("table")).count())
