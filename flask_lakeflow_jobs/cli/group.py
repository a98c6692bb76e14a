"""The command group: loads the app, and turns errors into sentences and exit codes."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup

from ..errors import LakeflowJobsError
from .exit_codes import Exit, help_table

#: Where each command is defined; its module is imported when the command is looked up, because an
#: app that only serves requests needs none of them.
COMMANDS = {
    "cancel": ".run:cancel",
    "doctor": ".doctor.checks:doctor",
    "list": ".show:list_jobs",
    "local": ".local:local",
    "output": ".show:output",
    "repair": ".run:repair",
    "run": ".run:run",
    "runs": ".show:runs",
    "show": ".show:show",
    "status": ".show:status",
    "watch": ".run:watch",
}


class JobsGroup(AppGroup):
    """A group that loads its commands lazily and ends with the exit code of an error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module, __package__), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        from .formatting import error_lines  # only for commands: see COMMANDS
        from .output import print_error, telling_of_retries

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
