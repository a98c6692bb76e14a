"""Rendering the templates of the console, in an environment of their own."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app, render_template
from jinja2 import Environment, Undefined
from markupsafe import Markup

from ..errors import NotAllowed
from ..globals import current_state
from ..pages import page_url
from ..web.auth import current_authorizer

#: The key of an app's environment in ``app.extensions``.
ENVIRONMENT_KEY = "lakeflow_jobs.environment"


def template_environment() -> Environment:
    """Return the environment of the current app, with the defaults of Jinja: the app may have
    changed them for its own templates."""
    extensions = current_app.extensions
    if ENVIRONMENT_KEY not in extensions:
        environment = extensions[ENVIRONMENT_KEY] = current_app.jinja_env.overlay(
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
    return cast("Environment", extensions[ENVIRONMENT_KEY])


def render(template: str, **given: Any) -> Markup:
    """Render a template of the console, with the time; what cannot be encoded is replaced."""
    found = template_environment().get_template(f"lakeflow_jobs/{template}")
    now = current_state().clock.now() * 1000
    text = render_template(found, url_for=page_url, now=now, **given)
    return Markup(text.encode(errors="replace").decode())  # noqa: S704


def render_page(template: str, **given: Any) -> Markup:
    """Render a page, with the user's name."""
    try:
        user = current_authorizer().user_name
    except NotAllowed:  # the error page shows no name
        user = None
    return render(template, user=user, **given)
