"""The example of flask-lakeflow-jobs, as a package: ``gunicorn example_app:app``."""

from .app import app, create_app

__all__ = ["app", "create_app"]
