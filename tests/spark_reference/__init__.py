"""Recorded results of Spark, with which those of Sail and DuckDB are compared."""
