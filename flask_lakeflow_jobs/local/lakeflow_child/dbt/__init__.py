"""dbt projects, on DuckDB."""
