# Databricks notebook source
# mypy: ignore-errors
def sentence(day, rows, least):
    return f"{rows} orders on {day}, least amount {least}"
