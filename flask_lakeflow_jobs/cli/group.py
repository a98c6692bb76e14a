"""The command group, which loads its commands lazily and turns errors into exit codes."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup

from ..errors import LakeflowJobsError, suggest
from .exit_codes import ExitCode, format_exit_codes

#: Where each command is defined. Its module is imported on first use, because an app that only
#: serves requests needs none of them.
COMMANDS = {
    "cancel": ".run:cancel",
    "compare": ".show:compare",
    "doctor": ".doctor.command:doctor",
    "follow": ".follow:follow",
    "list": ".show:list_jobs",
    "local": ".local:local",
    "logs": ".logs:logs",
    "output": ".show:output",
    "pause": ".run:pause",
    "record": ".record:record",
    "repair": ".run:repair",
    "resume": ".run:resume",
    "run": ".run:run",
    "runs": ".show:runs",
    "show": ".show:show",
    "status": ".show:status",
    "watch": ".run:watch",
}

#: Commands that are of no use without their result, so they fail if it cannot be written.
READING_COMMANDS = frozenset(
    {"compare", "list", "local", "logs", "output", "record", "runs", "show", "status"}
)


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:  # click suggests only commands that are loaded
            ctx.fail(f"{error.message}{suggest(args[0], COMMANDS)}")

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            ctx.color = False
        from .formatting import format_error  # only for commands: see COMMANDS
        from .printing import (
            IS_RESULT_LOST,
            print_error,
            print_progress,
            quiet_loggers,
            report_retries,
        )

        try:
            with quiet_loggers(), report_retries():
                result = super().invoke(ctx)
        except LakeflowJobsError as error:
            print_error(format_error(error))
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):  # Ctrl-C, and Ctrl-D as the answer to a question
            print_progress("Interrupted.")
            ctx.exit(ExitCode.INTERRUPTED)
        if ctx.invoked_subcommand in READING_COMMANDS and IS_RESULT_LOST in ctx.meta:
            ctx.exit(ExitCode.FAILED)
        return result


command_group = JobsGroup(
    "jobs",
    help="""Start Lakeflow Jobs and follow their runs.

    KEY names a job of this app; omit it if the app has exactly one. Results go to stdout, progress
    and errors to stderr.
    """,
    epilog=format_exit_codes(),
)
