"""The command group, which loads its commands lazily and turns errors into exit codes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
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


class JobsGroup(AppGroup):
    """A group that loads its commands lazily and ends with the exit code of an error.

    A command fails if its result cannot be written, unless its exit code reports something else.
    """

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _fail_without_space():  # of the help, which click prints
            return super().make_context(*args, **options)

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
            with _fail_without_space(), quiet_loggers(), report_retries():
                result = super().invoke(ctx)
        except LakeflowJobsError as error:
            print_error(format_error(error))
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):  # Ctrl-C, and Ctrl-D as the answer to a question
            print_progress("Interrupted.")
            ctx.exit(ExitCode.INTERRUPTED)
        if IS_RESULT_LOST in ctx.meta:
            ctx.exit(ExitCode.FAILED)
        return result


@contextmanager
def _fail_without_space() -> Iterator[None]:
    """Exit if the block cannot write because a device is full, such as that of stdout."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        from .printing import discard_output, print_error  # only for commands: see COMMANDS

        discard_output()
        print_error(f"The output could not be written: {error.strerror}.")
        raise click.exceptions.Exit(ExitCode.FAILED) from None


command_group = JobsGroup(
    "jobs",
    help="""Start Lakeflow Jobs and follow their runs.

    KEY names a job of this app; omit it if the app has exactly one. Results go to stdout, progress
    and errors to stderr.
    """,
    epilog=format_exit_codes(),
)
