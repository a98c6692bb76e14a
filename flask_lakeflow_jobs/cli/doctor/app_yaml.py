"""How Databricks Apps gives an app its jobs: what its ``app.yaml`` says, and what to add.

Pure, but for reading the file.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config.jobs import build_env_name
from .findings import Finding, finding


@dataclass(frozen=True)
class AppYaml:
    """What ``app.yaml`` says of how Databricks Apps starts the app.

    :param path: where it was found.
    :param command: the words of its command; none where it has none.
    :param env: the names of the variables that it sets.
    :param mistake: why it cannot be read; empty if it can.
    """

    path: Path
    command: tuple[str, ...] = ()
    env: frozenset[str] = frozenset()
    mistake: str = ""


def app_yaml_in(folders: Sequence[Path]) -> AppYaml | None:
    """The first ``app.yaml`` that there is, if PyYAML is there to read it.

    :param folders: where to look.
    """
    for path in (folder / name for folder in folders for name in ("app.yaml", "app.yml")):
        if path.is_file():
            return _read(path)
    return None


def _read(path: Path) -> AppYaml | None:
    try:
        import yaml
    except ModuleNotFoundError:
        return None
    try:
        return app_yaml_of(path, yaml.safe_load(path.read_text()))
    except (OSError, ValueError, yaml.YAMLError) as error:
        return AppYaml(path, mistake=" ".join(str(error).split()))


def app_yaml_of(path: Path, document: Any) -> AppYaml:
    """What a document says.

    :param path: where it was found.
    :param document: as YAML has it.
    :raises ValueError: it is no ``app.yaml``, or its command is no command.
    """
    if not isinstance(document, dict):
        raise ValueError("It must hold a mapping, with 'command' and 'env'.")
    command, env = document.get("command"), document.get("env")
    words = shlex.split(command) if isinstance(command, str) else command or []
    entries = env or []
    if not isinstance(words, list) or not isinstance(entries, list):
        raise ValueError("Its 'command' and 'env' must be lists.")
    names = {str(entry.get("name")) for entry in entries if isinstance(entry, dict)}
    return AppYaml(path, tuple(map(str, words)), frozenset(names))


def missing_variables(app_yaml: AppYaml, keys: Collection[str]) -> Iterator[Finding]:
    """The jobs whose ids the app will not know on Databricks Apps.

    :param app_yaml: what sets the variables there.
    :param keys: of the jobs that have their id from a variable here.
    """
    for key in keys:
        name = build_env_name(key)
        if name not in app_yaml.env:
            yield finding(
                f"job {key}",
                f"{app_yaml.path.name} does not hand over {name}, so the app on Databricks Apps"
                f" will not have the job {key!r}.",
                "Bind the job to the app as a resource, and hand its id over.",
                app_yaml=variable(key),
                databricks_yml=binding(key),
            )


def variable(key: str) -> str:
    """The lines of an ``app.yaml`` that hand over the id of a job.

    :param key: the job's.
    """
    return f"env:\n  - name: {build_env_name(key)}\n    valueFrom: {key}"


def binding(key: str) -> str:
    """The lines of a bundle that let its app see and run a job.

    :param key: the job's.
    """
    return "\n".join(
        [
            "resources:",
            "  apps:",
            "    <app>:",
            "      resources:",
            f"        - name: {key}",
            "          job:",
            f"            id: ${{resources.jobs.{key}.id}}",
            "            permission: CAN_MANAGE_RUN",
        ]
    )
