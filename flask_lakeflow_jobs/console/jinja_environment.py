"""The Jinja environment of the console's templates."""

from __future__ import annotations

from typing import cast

from flask import current_app
from jinja2 import Environment, Undefined

#: The key of an app's environment in ``app.extensions``.
EXTENSION = "lakeflow_jobs.environment"


def template_environment() -> Environment:
    """Return the environment of the current app, with the defaults of Jinja: the app may have
    changed them for its own templates."""
    extensions = current_app.extensions
    if EXTENSION not in extensions:
        environment = extensions[EXTENSION] = current_app.jinja_env.overlay(
            block_start_string="{%",
            block_end_string="%}",
            variable_start_string="{{",
            variable_end_string="}}",
            comment_start_string="{#",
            comment_end_string="#}",
            line_statement_prefix=None,
            line_comment_prefix=None,
            autoescape=True,
            undefined=Undefined,
        )
        environment.is_async = False
    return cast("Environment", extensions[EXTENSION])
