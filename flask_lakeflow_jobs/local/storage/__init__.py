"""Workspace files, DBFS, volumes and secrets, as the workspace keeps them."""
