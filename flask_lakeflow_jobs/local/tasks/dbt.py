"""The work of a ``dbt_task``: its commands, its project, and its profile for DuckDB."""

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
_DEFAULT_THREADS = 4
_INSTALL = "A dbt_task needs dbt: pip install 'flask-lakeflow-jobs[dbt]'."


def build_dbt(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run the commands on the tables of SQL tasks; run-now's ``dbt_commands`` replace them."""
    body = spec["dbt_task"]
    commands = context.overriding.get("dbt_commands") or body["commands"]
    arguments, options = split_commands([str(each) for each in commands])
    folder = _find_project(body, context)
    profiles = str([body.get("profiles_directory") or "", *options["profiles-dir"]][-1])
    profile = build_profile(
        _read_mapping(folder / _PROJECT),
        context.files.to_local_path(profiles) if profiles.startswith("/") else folder / profiles,
        body,
        options["target"],
    )
    if not is_installed():
        raise CannotRun(_INSTALL)
    # Its environment lists the adapter for Databricks, in place of which that for DuckDB runs.
    own = {key: value for key, value in spec.items() if key not in ("environment_key", "libraries")}
    return context.build_process("dbt", own, folder, parameters=arguments, profile=profile)


def is_installed() -> bool:
    """Return whether dbt and its adapter for DuckDB are installed."""
    modules = ("dbt", "duckdb", "sqlglot", "dbt.adapters.duckdb")
    try:
        return all(map(importlib.util.find_spec, modules))
    except ModuleNotFoundError:  # of dbt.adapters
        return False


def split_commands(commands: Sequence[str]) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Return the arguments of each command, and the values of the options that choose a profile.

    :raises CannotRun: one is no command of dbt.
    """
    options: dict[str, list[str]] = {"profiles-dir": [], "target": []}
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


def build_profile(
    project: Mapping[str, Any], profiles: Path, body: Settings, targets: Sequence[str]
) -> dict[str, Any]:
    """Return the profile of a project: for each target, its catalog, its schema and its threads.

    :param profiles: the folder of the ``profiles.yml``. A task with a warehouse needs none.
    :param body: the settings of the task.
    :param targets: those that the commands name.
    :raises CannotRun: there is no profile.
    """
    name = str(project.get("profile") or "default")
    own = {key: body[key] for key in ("catalog", "schema") if body.get(key)}
    file = profiles / _PROFILES
    if body.get("warehouse_id") and not file.is_file():
        output = _build_output({}, own)
        names = targets or ["default"]
        return {"name": name, "target": names[0], "outputs": dict.fromkeys(names, output)}
    if not file.is_file():
        raise CannotRun(
            f"The dbt project has no profile: there is no {_PROFILES} in {profiles}. Name its "
            "folder in 'profiles_directory', set 'warehouse_id' in the dbt_task, or create it: "
            f"dbt init --profiles-dir {shlex.quote(str(profiles))}."
        )
    profile = _read_mapping(file).get(name)
    outputs = profile.get("outputs") if isinstance(profile, Mapping) else None
    if not isinstance(outputs, Mapping) or not outputs:
        raise CannotRun(
            f"{file} has no profile {name!r} with outputs, which {_PROJECT} names. Add it there, "
            f"or create it: dbt init --profiles-dir {shlex.quote(str(profiles))}."
        )
    return {
        "name": name,
        "target": str(profile.get("target") or "default"),  # type: ignore[union-attr]
        "outputs": {
            str(target): _build_output(output, own)
            for target, output in outputs.items()
            if isinstance(output, Mapping)
        },
    }


def _build_output(output: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the place of the tables. Addresses and tokens are of another warehouse."""
    threads = output.get("threads")
    return {
        "catalog": str(output.get("catalog") or output.get("database") or "main"),
        "schema": str(output.get("schema") or "default"),
        "threads": threads if isinstance(threads, int) else _DEFAULT_THREADS,
        **own,
    }


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


def _take_options(words: Sequence[str], options: dict[str, list[str]]) -> list[str]:
    """Remove ``--profiles-dir``, and note it and the target."""
    kept = []
    pending = iter(words)
    for word in pending:
        name, has_value, value = word.partition("=")
        taken = [word]
        if name in ("--profiles-dir", "--target", "-t"):
            if not has_value:
                value = next(pending, "")
                taken.append(value)
            options["target" if name != "--profiles-dir" else "profiles-dir"].append(value)
        if name != "--profiles-dir":
            kept += taken
    return kept


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
