"""The HTTP server of the workspace and its routes."""
