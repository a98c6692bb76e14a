"""Files and secrets of users: workspace files, DBFS, volumes and secret scopes."""
