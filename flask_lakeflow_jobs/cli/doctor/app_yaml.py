"""The ``app.yaml`` with which Databricks Apps starts an app. Pure, except for reading the file."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config.jobs import build_env_name
from ...text import join_lines
from .findings import Finding


@dataclass(frozen=True)
class AppYaml:
    """The parts of an ``app.yaml`` that matter to the doctor.

    :param command: the command that starts the app, in words; may be empty.
    :param env: the names of the variables that it sets.
    :param error: why the file cannot be read; empty if it can.
    """

    path: Path
    command: tuple[str, ...] = ()
    env: frozenset[str] = frozenset()
    error: str = ""


def read_app_yaml(folders: Sequence[Path]) -> AppYaml | None:
    """Read the first ``app.yaml`` in some folders; ``None`` without one, or without PyYAML."""
    try:
        import yaml  # the extra ``local``
    except ModuleNotFoundError:
        return None
    paths = [folder / name for folder in folders for name in ("app.yaml", "app.yml")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    try:
        return parse_app_yaml(path, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        return AppYaml(path, error=join_lines(str(error)))


def parse_app_yaml(path: Path, document: Any) -> AppYaml:
    """Parse the document of an ``app.yaml``.

    :raises ValueError: it is not valid.
    """
    if not isinstance(document, dict):
        raise ValueError("It must be a mapping with 'command' and 'env'.")
    command, env = document.get("command") or [], document.get("env") or []
    words = shlex.split(command) if isinstance(command, str) else command
    if not isinstance(words, list) or not isinstance(env, list):
        raise ValueError("Its 'command' and 'env' must be lists.")
    names = {str(entry.get("name")) for entry in env if isinstance(entry, dict)}
    return AppYaml(path, tuple(map(str, words)), frozenset(names))


def check_app_yaml(app_yaml: AppYaml, keys: Collection[str]) -> Iterator[Finding]:
    """Check that an ``app.yaml`` can be read and passes the ids of jobs to the app.

    :param keys: of the jobs whose id is not in code.
    """
    name = app_yaml.path.name
    if app_yaml.error:
        yield Finding.error(name, f"It cannot be read: {app_yaml.error}", f"Correct {name}.")
        return
    for key in keys:
        if build_env_name(key) not in app_yaml.env:
            yield Finding.error(
                f"job {key}",
                f"{name} does not set {build_env_name(key)}, so the app on Databricks Apps will not"
                f" have the job {key!r}.",
                "Bind the job to the app as a resource, and pass its id.",
                binding_lines(key),
            )


def binding_lines(key: str) -> dict[str, str]:
    """Return the lines that bind a job to an app and pass its id, by the name of the file."""
    binding = [
        "resources:",
        "  apps:",
        "    <app>:",
        "      resources:",
        f"        - name: {key}",
        "          job:",
        f"            id: ${{resources.jobs.{key}.id}}",
        "            permission: CAN_MANAGE_RUN",
    ]
    return {
        "app.yaml": f"env:\n  - name: {build_env_name(key)}\n    valueFrom: {key}",
        "databricks.yml": "\n".join(binding),
    }
