"""The work of a ``dbt_task``: its commands, its project and its profile."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model import Settings
from .context import TaskContext
from .files import FileMissing
from .work import CannotRun, ProcessWork

_PROJECT = "dbt_project.yml"
_PROFILES = "profiles.yml"
_LOCAL = "local"  # the output for the local workspace
_INSTALL = "A dbt_task needs dbt: pip install 'flask-lakeflow-jobs[dbt]'."
_OPTIONS = {"--profiles-dir": "profiles", "--target": "target", "-t": "target"}


def build_dbt(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the commands with the profile of the project; run-now's ``dbt_commands`` replace them.

    :raises CannotRun: dbt is not installed, or the project or its profile cannot be used.
    """
    body = spec["dbt_task"]
    commands = context.overriding.get("dbt_commands") or body["commands"]
    arguments, options = split_commands([str(each) for each in commands])
    folder = _find_project(body, context)
    name = str(_read_mapping(folder / _PROJECT).get("profile") or "default")
    profiles = folder / (options.get("profiles") or body.get("profiles_directory") or "")
    file = profiles / _PROFILES
    profile = None
    if file.is_file():
        target = choose_output(file, _read_mapping(file).get(name), name, options.get("target"))
    else:
        target, profile = _LOCAL, {name: _build_profile(str(body.get("schema") or "main"))}
    if not is_installed():
        raise CannotRun(_INSTALL)
    # Its environment lists the adapter for Databricks, which no output uses here.
    own = {key: value for key, value in spec.items() if key not in ("environment_key", "libraries")}
    return context.build_process(
        "dbt",
        own,
        folder,
        parameters=[[*each, "--target", target] for each in arguments],
        profiles=str(profiles),
        profile=profile,
    )


def is_installed() -> bool:
    """Return whether dbt is installed."""
    return importlib.util.find_spec("dbt") is not None


def choose_output(file: Path, profile: Any, name: str, named: str | None) -> str:
    """Return the target of a profile that dbt can use here.

    :param named: the target that the commands name.
    :raises CannotRun: it has none.
    """
    outputs = profile.get("outputs") if isinstance(profile, Mapping) else None
    if not isinstance(outputs, Mapping) or not outputs:
        raise CannotRun(
            f"{file} has no profile {name!r} with outputs, which {_PROJECT} names. Add it there."
        )
    if _LOCAL in outputs:
        return _LOCAL
    target = named or str(profile.get("target") or "default")
    output = outputs.get(target)
    if isinstance(output, Mapping) and output.get("type") == "databricks":
        raise CannotRun(
            f"Add an output 'local' of type duckdb to {file}: the local workspace has no "
            "Databricks warehouse."
        )
    return target


def split_commands(commands: Sequence[str]) -> tuple[list[list[str]], dict[str, str]]:
    """Return the arguments of each command, and the options that choose a profile.

    :raises CannotRun: one is no command of dbt.
    """
    options: dict[str, str] = {}
    arguments = []
    for command in commands:
        try:
            program, *words = shlex.split(command) or [""]
        except ValueError as error:
            raise CannotRun(f"The command {command!r} cannot be read: {error}.") from None
        if program != "dbt" or not words:
            raise CannotRun(
                f"The command {command!r} is no command of dbt. A dbt_task runs commands such as "
                "'dbt run'; use a spark_python_task for others."
            )
        arguments.append(_take_options(words, options))
    return arguments, options


def _build_profile(schema: str) -> dict[str, Any]:
    path = "{{ env_var('LAKEFLOW_LOCAL_DUCKDB') }}"
    output = {"type": "duckdb", "path": path, "schema": schema, "threads": 4}
    return {"target": _LOCAL, "outputs": {_LOCAL: output}}


def _take_options(words: Sequence[str], options: dict[str, str]) -> list[str]:
    """Remove the options that choose a profile, and note them."""
    kept = []
    pending = iter(words)
    for word in pending:
        name, has_value, value = word.partition("=")
        if name in _OPTIONS:
            options[_OPTIONS[name]] = value if has_value else next(pending, "")
        else:
            kept.append(word)
    return kept


def _find_project(body: Settings, context: TaskContext) -> Path:
    directory = str(body.get("project_directory") or "")
    try:
        return context.files.find(str(Path(directory, _PROJECT))).parent
    except FileMissing:
        folder = context.files.to_local_path(directory)
        raise CannotRun(
            f"There is no {_PROJECT} in {folder}. Name the folder of the dbt project in "
            "'project_directory' of the dbt_task, or create one: dbt init."
        ) from None


def _read_mapping(file: Path) -> Mapping[str, Any]:
    import yaml  # takes long to import, and few tasks need it

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}, line {mark.line + 1}" if mark else str(file)
        problem = getattr(error, "problem", None) or error
        raise CannotRun(f"{place} cannot be read: {problem}.") from None
    if not isinstance(content, Mapping):
        raise CannotRun(f"{file} has no fields.")
    return content
