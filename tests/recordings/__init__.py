"""The bundle reader beside the recordings of the Databricks CLI's own tests."""
