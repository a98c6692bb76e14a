"""What a kind of task asks of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_lakeflow_jobs.local.files import WorkspaceFiles


class CannotRun(Exception):
    """A task that cannot run here. The message becomes the state message of its run."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What surrounds a task when it starts.

    :param files: the files of the workspace.
    :param job_parameters: the job's parameters with the values of this run.
    :param overriding: the task parameters that run-now gave (``notebook_params`` …).
    :param task_values: what earlier tasks have set, by task key.
    """

    files: WorkspaceFiles
    job_parameters: Mapping[str, str]
    overriding: Mapping[str, Any]
    task_values: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ProcessWork:
    """Work for a process of its own.

    :param order: what the process is told; see ``lakeflow_child.main``.
    """

    order: dict[str, Any]


Work = ProcessWork
