"""Statements of Databricks, and what Sail runs in their place."""
