"""Files, packages and parameters for a task that starts, and the payload of its process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model import Settings
from ..task_process.project_metadata import normalize_name
from .compute import (
    find_import_paths,
    find_local_libraries,
    find_project_of,
    find_projects,
    read_spark_settings,
    read_variables,
)
from .files import FileMissing, WorkspaceFiles
from .packages import Packages, Requirements, list_requirements
from .projects import is_of_a_cluster, list_dependencies
from .templating import format_parameter
from .work import CannotRun, ProcessWork


@dataclass(frozen=True, slots=True)
class TaskContext:
    """Files, packages and parameters for a task that starts.

    :param run: the run and the task, by the names of Databricks' tags.
    :param job_parameters: the job's parameters with the values of this run.
    :param overriding: the task parameters of run-now (``notebook_params`` …).
    :param task_values: the values that earlier tasks have set, by task key.
    """

    settings: Settings
    files: WorkspaceFiles
    packages: Packages
    run: Mapping[str, Any]
    job_parameters: Mapping[str, str] = field(default_factory=dict)
    overriding: Mapping[str, Any] = field(default_factory=dict)
    task_values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def find_file(self, body: Settings, field: str, *, is_notebook: bool = False) -> Path:
        """Return the file that a field of a task's settings names.

        :raises CannotRun: the file does not exist.
        """
        find = self.files.find_notebook if is_notebook else self.files.find
        try:
            return find(body[field])
        except FileMissing as error:
            git = self.settings.get("git_source") or {}
            if not git or body.get("source") == "WORKSPACE":
                raise CannotRun(str(error)) from None
            raise CannotRun(
                f"Check {git.get('git_url')} out around the bundle, or remove 'git_source' here: "
                f"the local workspace does not clone it. {error}"
            ) from None

    def _read_variables(self, spec: Settings) -> dict[str, str]:
        def read(path: str) -> str:
            return self.files.find(self.files.localize(path)).read_text(encoding="utf-8")

        try:
            return read_variables(self.settings, spec, read)
        except (FileMissing, OSError, ValueError) as error:
            raise CannotRun(str(error)) from None

    def build_process(self, kind: str, spec: Settings, folder: Path, **fields: Any) -> ProcessWork:
        """Build the payload of a kind from the fields that all kinds share and its own ones.

        :param folder: the working directory, and the first place to import from.
        """
        libraries, missing, projects = self._find_libraries(spec)
        requirements = self._list_requirements(spec, projects)
        if (installed := self.packages.find_folder(requirements)) is not None:
            libraries.append(str(installed))
        return ProcessWork(
            {
                "kind": kind,
                "folder": str(folder),
                "root": str(self.files.root),
                "libraries": list(dict.fromkeys(libraries)),
                "wheels": str(self.files.wheels),
                "missing_libraries": list(dict.fromkeys(missing)),
                "requirements": requirements.to_list(),
                "installs_packages": self.packages.is_enabled,
                "packages": None if installed is None else str(installed),
                "environment": self.files.localize(self._read_variables(spec)),
                "spark_settings": read_spark_settings(self.settings, spec),
                "mounts": self.files.mounts,
                "task_values": self.task_values,
                "run": self.run,
                **fields,
            },
            requirements,
        )

    def _find_libraries(self, spec: Settings) -> tuple[list[str], list[str], list[Path]]:
        """Return the folders to import from, the libraries that have none, and the projects."""
        libraries: list[str] = []
        missing: list[str] = []
        projects: list[Path] = []
        for library in self._list_libraries(spec):
            sources = find_projects(library, self.files.projects)
            found = find_import_paths(library, sources)
            if not found:
                missing.append(str(library))
            libraries += found
            projects += sources
        return libraries, missing, projects

    def _list_libraries(self, spec: Settings) -> list[Path]:
        """Return the local wheels and projects of a task; else the project of its package."""
        listed = [
            self.files.to_local_path(each) for each in find_local_libraries(self.settings, spec)
        ]
        package = spec.get("python_wheel_task", {}).get("package_name")
        return listed or (find_project_of(package, self.files.projects) if package else [])

    def _list_requirements(self, spec: Settings, projects: Sequence[Path]) -> Requirements:
        """Return the packages that a task lists, and those of its projects.

        On a cluster they are installed one after the other, so an exact version of the task
        replaces that of a project.
        """
        listed = list_requirements(self.settings, spec)
        exact = {normalize_name(each) for each in listed.packages if "==" in each}
        dependencies = [
            each
            for each in list_dependencies(projects, [*self.files.projects, *projects])
            if normalize_name(each) not in exact
        ]
        packages = dict.fromkeys([*listed.packages, *dependencies])
        return Requirements(
            packages=tuple(each for each in packages if not is_of_a_cluster(each)),
            files=tuple(str(self.files.to_local_path(each)) for each in listed.files),
            options=listed.options,
        )

    def list_parameters(self, body: Settings, run_field: str) -> list[str]:
        """Return the positional parameters of run-now or, without them, those of the task."""
        return [str(each) for each in self.overriding.get(run_field, body.get("parameters") or [])]

    def merge_parameters(self, body: Settings, task_field: str, run_field: str) -> dict[str, str]:
        """Merge the parameters of the task, of the job and of run-now; later ones take precedence.

        :param body: the settings of the task's kind.
        """
        parameters = {
            **(body.get(task_field) or {}),
            **self.job_parameters,
            **self.overriding.get(run_field, {}),
        }
        return {name: format_parameter(value) for name, value in parameters.items()}
