"""The commands of ``flask jobs`` with their options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from docs_markdown import Table, code

from flask_lakeflow_jobs.cli import command_group


def commands() -> str:
    """Render the commands of ``flask jobs`` with their options in Markdown."""
    return "\n\n".join(
        _render_group(command_group, click.Context(command_group, info_name="flask jobs"))
    )


def _render_group(group: click.Group, context: click.Context) -> Iterator[str]:
    """Yield the commands of a group, each followed by its own commands if it is a group."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            yield _render_command(command, inner)
            if isinstance(command, click.Group):
                yield from _render_group(command, inner)


def _render_command(command: click.Command, context: click.Context) -> str:
    pieces = filter(None, command.collect_usage_pieces(context))
    usage = " ".join([context.command_path, *pieces])
    options = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and (record := parameter.get_help_record(context))
        and "--help" not in record[0]
    ]
    table = Table(
        ("Option", "Meaning"), tuple((code(option), meaning) for option, meaning in options)
    )
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    parts = [f"### `{context.command_path}`", f"```text\n{usage}\n```", text]
    return "\n\n".join([*parts, table.to_markdown()] if options else parts)
