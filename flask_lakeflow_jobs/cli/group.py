"""The command group: loads the app, and turns errors into sentences and exit codes."""

from __future__ import annotations

import os
from typing import Any

import click
from flask.cli import AppGroup

from ..errors import LakeflowJobsError
from .exits import Exit, help_table


class JobsGroup(AppGroup):
    """A group whose commands end with the exit code of what went wrong, never with a traceback.

    They are loaded when the first is looked for: apps that serve need none of them.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        from . import commands  # noqa: F401  # each adds itself to the group

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        from .display import error_lines
        from .printing import print_error
        from .retries import telling_of_retries

        try:
            with telling_of_retries():
                return super().invoke(ctx)
        except LakeflowJobsError as error:
            print_error("\n".join(error_lines(error)))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            print_error("Interrupted.")
            ctx.exit(Exit.INTERRUPTED)


command_group = JobsGroup(
    "jobs",
    help="""Start Lakeflow Jobs and follow their runs.

    KEY names a job of this app; where the app has exactly one job it may be left out. What was
    asked for goes to stdout, progress and errors go to stderr.
    """,
    epilog=help_table(),
)
