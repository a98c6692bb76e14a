"""The command group: loads the app, and turns errors into sentences and exit codes."""

from __future__ import annotations

import os
from typing import Any

import click
from flask.cli import AppGroup

from ..errors import LakeflowJobsError
from .display import error_lines
from .exits import Exit
from .printing import print_error


class JobsGroup(AppGroup):
    """A group whose commands end with the exit code of what went wrong, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except LakeflowJobsError as error:
            print_error("\n".join(error_lines(error)))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            print_error("Interrupted.")
            ctx.exit(Exit.INTERRUPTED)
