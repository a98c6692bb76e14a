"""Spark in a task: Sail as it comes, or a pyspark of the user."""
