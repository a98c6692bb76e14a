"""What Spark answers to many statements, recorded, for Sail and DuckDB to be compared with."""
