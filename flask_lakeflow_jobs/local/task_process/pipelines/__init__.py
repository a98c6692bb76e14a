"""Pipelines, with pyspark's own runner."""
