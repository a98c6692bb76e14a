"""Tables of the console: its template globals, endpoints and CSS variables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from docs_markdown import Table, code, summary_of
from flask import Flask
from werkzeug.routing import Rule

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.console.labels import KINDS
from flask_lakeflow_jobs.console.views import FOLDER

#: The meanings of the CSS variables that are not the color of an outcome.
CSS_MEANINGS: Mapping[str, str] = {
    "--lf-xs": "font size of labels",
    "--lf-s": "font size of dense text",
    "--lf-m": "font size of text",
    "--lf-l": "font size of the headings of parts",
    "--lf-xl": "font size of the headings of pages",
    "--lf-mono": "font of logs, keys and ids",
    "--lf-round": "radius of corners",
    "--lf-gap": "space between parts",
    "--lf-ground": "background of the page",
    "--lf-card": "background of cards and tables",
    "--lf-sunk": "background of logs and inactive parts",
    "--lf-text": "text",
    "--lf-muted": "secondary text",
    "--lf-line": "borders of cards and rows",
    "--lf-edge": "borders of controls, and edges of the graph",
    "--lf-accent": "links and the main button",
    "--lf-on-accent": "text on the main button",
    "--lf-shadow": "shadow of cards",
}

_RULE = re.compile(r"^\.lakeflow, \.lf-page \{(.*?)^\}", re.DOTALL | re.MULTILINE)
_VARIABLE = re.compile(r"(--lf-[\w-]+):\s*([^;]+);")
_SCHEMES = re.compile(r"light-dark\(([^,]+), ([^)]+)\)")


def make_app() -> Flask:
    """Make an app with all routes of the extension."""
    app = Flask("docs")
    app.config["LAKEFLOW_JOBS_CONSOLE"] = True
    app.config["LAKEFLOW_JOBS_WEBHOOK_USERNAME"] = "databricks"
    app.config["LAKEFLOW_JOBS_WEBHOOK_PASSWORD"] = "secret"  # noqa: S105
    LakeflowJobs(app, jobs={"etl": {"job_id": 1}})
    return app


def template_globals() -> Table:
    """Build the table of the functions for templates."""
    functions = make_app().jinja_env.globals.items()
    return Table(
        ("In a template", "What it does"),
        tuple(
            (code(f"{name}{_signature(function)}"), summary_of(function))
            for name, function in functions
            if name.startswith("lakeflow_")
        ),
    )


def _signature(function: object) -> str:
    assert callable(function)  # noqa: S101
    return f"({', '.join(inspect.signature(function).parameters)})"


def console_endpoints() -> Table:
    """Build the table of the console's endpoints, with the paths that show their arguments."""
    app = make_app()
    return Table(
        ("Endpoint", "Method", "Path", "What it does"),
        tuple(
            (
                code(rule.endpoint),
                " ".join(code(method) for method in methods_of(rule)),
                code(rule.rule),
                summary_of(app.view_functions[rule.endpoint]),
            )
            for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith("lakeflow_console.")
        ),
    )


def methods_of(rule: Rule) -> list[str]:
    """Return the methods of a rule, without those that Flask adds."""
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def api_endpoint(app: Flask, method: str, path: str) -> str:
    """Return the endpoint of a route of the API.

    :param path: with the key of a job and a number in place of the variables.
    """
    return str(app.url_map.bind("localhost").match(path, method=method)[0])


def css_variables() -> Table:
    """Build the table of the CSS variables with their values."""
    styles = (FOLDER / "static" / "console.css").read_text()
    block = _RULE.search(styles)
    assert block is not None  # noqa: S101
    return Table(
        ("Variable", "Light", "Dark", "Used for"),
        tuple(
            (code(name), *_values(value), describe_variable(name))
            for name, value in _VARIABLE.findall(block[1])
        ),
    )


def _values(value: str) -> tuple[str, str]:
    schemes = _SCHEMES.search(value)
    if schemes is None:
        return code(value), "the same"
    light, dark = (value.replace(schemes[0], scheme) for scheme in schemes.groups())
    return code(light), code(dark)


def describe_variable(name: str) -> str:
    """Return the use of a CSS variable; empty if nothing says it."""
    if name in CSS_MEANINGS:
        return CSS_MEANINGS[name]
    kind = name.removeprefix("--lf-").removeprefix("bar-")
    outcomes = [outcome.label for outcome, each in KINDS.items() if each == kind]
    part = "bars" if name.startswith("--lf-bar-") else "texts and icons"
    return f"{part}: {', '.join(outcomes)}" if outcomes else ""
