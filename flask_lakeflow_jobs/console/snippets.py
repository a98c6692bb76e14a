"""The run that a form starts, as commands and code to copy. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Snippet:
    """A command or code that starts the same run."""

    title: str
    text: str


def build_snippets(key: str, params: Mapping[str, Any], url: str) -> list[Snippet]:
    """Return what starts a run on the command line, over HTTP and in Python.

    :param params: the parameters, without secrets.
    :param url: the absolute URL of the route that starts a run.
    """
    body = json.dumps({"params": params})
    arguments = repr(dict(params)) if params else ""
    return [
        Snippet("Command line", _format_command(key, params)),
        Snippet(
            "curl",
            f"curl -X POST {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n"
            f"  -d {shlex.quote(body)}",
        ),
        Snippet("Python", f"current_jobs[{key!r}].run_now({arguments})"),
    ]


def _format_command(key: str, params: Mapping[str, Any]) -> str:
    command = f"flask jobs run {shlex.quote(key)}"
    values = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    if any(isinstance(item, list | dict) for items in values.values() for item in items):
        return f"echo {shlex.quote(json.dumps(params))} | {command} --params-file -"
    options = [
        f"-p {shlex.quote(f'{name}={_format_value(item)}')}"
        for name, items in values.items()
        for item in items
    ]
    return " ".join([command, *options])


def _format_value(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
