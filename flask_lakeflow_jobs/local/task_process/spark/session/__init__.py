"""The session of a task, its server, and all changes to pyspark."""
