"""What a kind of task asks of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model import Settings
from ..states import State
from .compute import environment_of, import_paths, local_libraries
from .files import FileMissing, WorkspaceFiles


class CannotRun(Exception):
    """A task that cannot run here. The message becomes the state message of its run."""


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What surrounds a task when it starts.

    :param settings: the settings of the job.
    :param files: the files of the workspace.
    :param job_parameters: the job's parameters with the values of this run.
    :param overriding: the task parameters that run-now gave (``notebook_params`` …).
    :param task_values: what earlier tasks have set, by task key.
    :param run: what the task may ask about its run, by the names of Databricks' tags.
    """

    settings: Settings
    files: WorkspaceFiles
    job_parameters: Mapping[str, str]
    overriding: Mapping[str, Any]
    task_values: Mapping[str, Mapping[str, Any]]
    run: Mapping[str, Any]

    def file(self, body: Settings, field: str, *, is_notebook: bool = False) -> Path:
        """The file that a part of a task's settings names.

        :raises CannotRun: it is not there.
        """
        find = self.files.find_notebook if is_notebook else self.files.find
        try:
            return find(body[field])
        except FileMissing as error:
            git = self.settings.get("git_source") or {}
            if not git or body.get("source") == "WORKSPACE":
                raise CannotRun(str(error)) from None
            raise CannotRun(
                f"{error} It does not clone {git.get('git_url')}: check the repository out around "
                "the bundle, or leave 'git_source' away here."
            ) from None


@dataclass(frozen=True, slots=True)
class ProcessWork:
    """Work for a process of its own.

    :param payload: the input of the process; see ``lakeflow_child.main``.
    """

    payload: dict[str, Any]

    @classmethod
    def of(
        cls, kind: str, spec: Settings, context: TaskContext, folder: Path, **particulars: Any
    ) -> ProcessWork:
        """Build the payload of a kind with the fields that all kinds share.

        :param folder: where the process works, and the first place to import from.
        """
        libraries = [
            path
            for library in local_libraries(context.settings, spec)
            for path in import_paths(context.files.local(library))
        ]
        return cls(
            {
                "kind": kind,
                "folder": str(folder),
                "root": str(context.files.root),
                "libraries": list(dict.fromkeys(libraries)),
                "environment": context.files.localized(environment_of(context.settings, spec)),
                "mounts": context.files.mounts,
                "task_values": context.task_values,
                "run": context.run,
                **particulars,
            }
        )


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """A condition, already decided.

    :param outcome: "true" or "false".
    """

    outcome: str


@dataclass(frozen=True, slots=True)
class NestedRun:
    """A run of another job.

    :param fields: the parameters for it, by run-now's fields.
    """

    job_id: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ForEach:
    """The same task for each of several inputs.

    :param concurrency: how many may run at once.
    """

    spec: Settings
    inputs: list[Any]
    concurrency: int


@dataclass(frozen=True, slots=True)
class SimulatedWork:
    """A part to play: no code runs, but time passes and an end comes.

    :param seconds: how long it takes.
    """

    seconds: float
    ending: State
    output: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


Work = ProcessWork | ConditionResult | NestedRun | ForEach | SimulatedWork
