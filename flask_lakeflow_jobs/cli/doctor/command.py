"""``flask jobs doctor``: the command, and its options."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from ...config import keys
from ..exit_codes import format_exit_codes
from ..handles import get_state
from ..options import output_option
from ..printing import print_document, print_result
from .app_yaml import read_app_yaml
from .checks import Setup, run_checks, send_tests
from .findings import format_findings, worst_exit_code


def parse_command(text: str) -> list[str]:
    """Split a command line like a shell.

    :raises click.BadParameter: a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a command line: {error}.") from None


def parse_url(text: str) -> str:
    """Return the address of an app without a slash at its end.

    :raises click.BadParameter: it is not an address.
    """
    if not text.startswith(("http://", "https://")):
        raise click.BadParameter(f"{text!r} must begin with http:// or https://.")
    return text.rstrip("/")


@click.command(
    short_help="Check settings, login, permissions and the server.", epilog=format_exit_codes()
)
@click.option(
    "--server",
    type=parse_command,
    default="",
    metavar="COMMAND",
    help="The command that starts the app, if no app.yaml has it.",
)
@click.option(
    "--url",
    type=parse_url,
    metavar="URL",
    help="The address at which the app runs, to ask it for its server.",
)
@click.option(
    "--notify",
    is_flag=True,
    help=f"Also send a test message to each URL of {keys.NOTIFY.name}.",
)
@output_option
@with_appcontext
def doctor(server: list[str], url: str | None, notify: bool, as_json: bool) -> None:
    """Check settings, login, jobs, server, cache and clock, and suggest how to fix errors.

    No run is started and nothing is changed; --notify sends a message. The exit code is 0 without
    errors, 1 with errors, and 6 or 7 if the workspace refuses the app or cannot be reached.
    """
    root = Path(current_app.root_path)
    app_yaml = read_app_yaml([root, root.parent, Path.cwd()])
    setup = Setup(get_state(), current_app.config, os.environ, app_yaml, server, url)
    findings = list(run_checks(setup))
    if notify:
        findings += send_tests(setup.state.settings.jobs)
    if as_json:
        print_document({"findings": [finding.to_dict() for finding in findings]})
    else:
        print_result(format_findings(findings))
    if code := worst_exit_code(findings):
        raise click.exceptions.Exit(code)
