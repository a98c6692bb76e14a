"""Services for the processes of tasks: variables, secrets, installed packages and Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..environment import drop_credentials
from ..model import Settings
from .packages import Packages
from .processes import Exit, TaskProcess
from .spark import Spark
from .work import ProcessWork


@dataclass(frozen=True, slots=True)
class TaskServices:
    """The services of a workspace for its tasks.

    :param environment: returns the environment of a process.
    :param secrets: returns the values that are redacted in the output of a process.
    :param pipelines: returns the settings of all pipelines by their ids.
    """

    environment: Callable[[], Mapping[str, str]]
    secrets: Callable[[], frozenset[str]]
    packages: Packages
    spark: Spark
    pipelines: Callable[[], Mapping[str, Settings]]

    def create_process(
        self,
        work: ProcessWork,
        folder: Path,
        on_start: Callable[[], None],
        on_exit: Callable[[Exit], None],
    ) -> TaskProcess:
        """Create the process of a task, which uses the services once it starts."""
        environment = self.environment()
        return TaskProcess(
            work.payload,
            folder,
            environment,
            self.secrets,
            prepare=partial(self.prepare, work, environment),
            on_start=on_start,
            on_exit=on_exit,
        )

    def prepare(
        self, work: ProcessWork, environment: Mapping[str, str], is_stopped: Callable[[], bool]
    ) -> dict[str, str]:
        """Install the packages of a task, and start Spark for it.

        :param is_stopped: returns whether the task has been stopped.
        :return: further variables of its environment.
        :raises InstallFailed: a package cannot be installed.
        :raises Stopped: the task has been stopped.
        """
        without = drop_credentials(environment)
        self.packages.install(work.requirements, without, is_stopped)
        return self.spark.acquire(work.payload, without, is_stopped)
