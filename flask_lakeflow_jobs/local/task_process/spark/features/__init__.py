"""The feature store of Databricks, over tables of Spark and the MLflow of the workspace."""
