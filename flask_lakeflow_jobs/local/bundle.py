"""A ``databricks.yml`` bundle: the jobs in it, as ``databricks bundle deploy`` would make them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flask_lakeflow_jobs.local.deployment import DeployedFiles, FileProblem
from flask_lakeflow_jobs.local.jobcheck import Mistake, mistakes
from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.names import Names, job_id_of, user_name
from flask_lakeflow_jobs.local.variables import UnknownVariable, interpolate
from flask_lakeflow_jobs.local.yamlmarks import (
    MarkedDict,
    MarkedList,
    Place,
    laid_over,
    load_marked,
    merged,
)

_WILDCARDS = "*?["
_SECTIONS = ("bundle", "resources", "targets", "variables", "workspace")


class BundleError(ValueError):
    """A bundle that cannot be used. The message names the file, and the line where it is known."""


@dataclass(frozen=True, slots=True)
class BundleJob:
    """A job of a bundle.

    :param key: its resource key, the name under ``resources.jobs``.
    :param job_id: the id under which the workspace serves it.
    :param settings: its settings, as the Jobs API spells them.
    """

    key: str
    job_id: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that has been read and found sound.

    :param path: its ``databricks.yml``.
    :param root: the folder in which that stands.
    :param jobs: its jobs by resource key.
    :param files_path: where in the workspace the folder's files appear.
    :param sources: every file that was read, and every folder in which one may appear.
    """

    path: Path
    root: Path
    jobs: Mapping[str, BundleJob]
    files_path: str
    sources: tuple[Path, ...] = field(default=(), compare=False)


def load_bundle(path: str | Path, *, target: str | None = None) -> Bundle:
    """Read a bundle.

    :param path: the ``databricks.yml``, or the folder in which it stands.
    :param target: which of its targets; by default the one marked as default, or the only one.
    :return: the bundle with its jobs.
    :raises BundleError: it cannot be read, or a job in it could never run.
    """
    file = Path(path).absolute()
    if file.is_dir():
        file /= "databricks.yml"
    return _Loader(file, target).load()


class _Loader:
    def __init__(self, file: Path, target: str | None) -> None:
        self._file = file
        self._target = target
        self._sources: list[Path] = []
        self._tree = MarkedDict()

    def load(self) -> Bundle:
        self._tree = self._read(self._file)
        self._include()
        for key in _SECTIONS:
            self._section(key)
        target = self._choose_target()
        self._lay_target_over(target)
        name = self._section("bundle").get("name", self._file.parent.name)
        root_path = self._section("workspace").get("root_path")
        default_root = f"/Workspace/Users/{user_name()}/.bundle/{name}/{target or 'default'}"
        names = Names(self._tree, str(name), target or "default", default_root)
        files_path = self._interpolated(root_path or default_root, names, None) + "/files"
        names.builtin["workspace.file_path"] = files_path

        found = self._section("resources").get("jobs")
        if not isinstance(found, MarkedDict) or not found:
            raise self._error(
                "The bundle has no jobs. Define at least one under 'resources.jobs'.",
                self._tree.places.get("resources"),
            )
        jobs = {
            key: self._job(key, settings, found.places[key], names, files_path)
            for key, settings in found.items()
        }
        return Bundle(self._file, self._file.parent, jobs, files_path, tuple(self._sources))

    def _read(self, file: Path) -> MarkedDict:
        self._sources.append(file)
        try:
            document = load_marked(file)
        except FileNotFoundError:
            raise BundleError(f"{self._shown(file)}: There is no such file.") from None
        except (OSError, UnicodeError) as error:
            raise BundleError(f"{self._shown(file)}: It cannot be read: {error}.") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or str(error)
            raise self._error(
                f"This is no YAML: {problem}.", (file, mark.line + 1) if mark else (file, 0)
            ) from None
        if not isinstance(document, MarkedDict):
            raise self._error(
                "The file has to hold a mapping with 'bundle' and 'resources'.", (file, 1)
            )
        return document

    def _include(self) -> None:
        patterns = self._tree.get("include", MarkedList())
        if not isinstance(patterns, MarkedList) or not all(isinstance(p, str) for p in patterns):
            raise self._error("'include' has to be a list of paths.", self._tree.places["include"])
        for pattern, place in zip(patterns, patterns.places, strict=True):
            if not pattern or Path(pattern).is_absolute():
                raise self._error(f"{pattern!r} has to be a path beside this file.", place)
            # A file that is added later changes the folder.
            self._sources.append(_folder_of(self._file.parent / pattern))
            files = sorted(self._file.parent.glob(pattern.removeprefix("./")))
            if not files and not any(sign in pattern for sign in _WILDCARDS):
                raise self._error(f"There is no file {pattern!r} to include.", place)
            for file in files:
                if file not in self._sources:
                    included = self._read(file)
                    self._refuse_second_definitions(included)
                    self._tree = merged(self._tree, included)

    def _refuse_second_definitions(self, included: MarkedDict) -> None:
        defined = _jobs_in(self._tree)
        for key, place in _jobs_in(included).items():
            if key in defined:
                file, line = defined[key]
                raise self._error(
                    f"The job {key!r} is already defined in {self._shown(file)}:{line}.", place
                )

    def _choose_target(self) -> str | None:
        targets = self._section("targets")
        wanted = self._target or os.environ.get("DATABRICKS_BUNDLE_TARGET")
        if wanted:
            if wanted not in targets:
                known = ", ".join(targets) or "none"
                raise self._error(
                    f"The bundle has no target {wanted!r}. Its targets: {known}.",
                    self._tree.places.get("targets"),
                )
            return wanted
        defaults = [
            key for key, each in targets.items() if isinstance(each, dict) and each.get("default")
        ]
        if len(defaults) == 1:
            return defaults[0]
        return next(iter(targets)) if len(targets) == 1 else None

    def _lay_target_over(self, target: str | None) -> None:
        targets = self._section("targets")
        if target is None or targets[target] is None:
            return
        chosen = targets[target]
        if not isinstance(chosen, MarkedDict):
            raise self._error(f"The target {target!r} has to be a mapping.", targets.places[target])
        for key in _SECTIONS:
            if chosen.get(key) is not None and not isinstance(chosen[key], MarkedDict):
                raise self._error(f"{key!r} has to be a mapping.", chosen.places[key])
        for key in ("bundle", "workspace", "resources"):
            if key in chosen:
                base = self._tree.get(key, MarkedDict())
                self._tree[key] = laid_over(base, chosen[key])
                self._tree.places.setdefault(key, chosen.places[key])
        variables = self._section("variables")
        for key, value in (chosen.get("variables") or {}).items():
            override = value if isinstance(value, MarkedDict) else MarkedDict({"default": value})
            variables[key] = merged(variables.get(key) or MarkedDict(), override)
        self._tree["variables"] = variables

    def _section(self, key: str) -> MarkedDict:
        section = self._tree.get(key)
        if section is None:
            return MarkedDict()
        if not isinstance(section, MarkedDict):
            raise self._error(f"{key!r} has to be a mapping.", self._tree.places.get(key))
        return section

    def _interpolated(self, value: Any, names: Names, place: Place | None) -> Any:
        try:
            return interpolate(value, names)
        except UnknownVariable as unknown:
            raise self._error(
                str(unknown.args[0]), _place_of_reference(value, names) or place
            ) from None

    def _job(self, key: str, marked: Any, place: Place, names: Names, files_path: str) -> BundleJob:
        if not isinstance(marked, MarkedDict):
            raise self._error(f"The job {key!r} has to be a mapping.", place)
        settings = self._interpolated(marked, names, place)
        for mistake in mistakes(settings):
            raise self._error(
                f"Job {key!r}: {mistake.message}", _find_place(settings, mistake, place)
            )
        try:
            DeployedFiles(self._file.parent, files_path).deploy(settings)
        except FileProblem as problem:
            raise self._error(problem.message, problem.place or place) from None
        plain = _plain(settings)
        plain.setdefault("name", key)
        plain.setdefault("max_concurrent_runs", 1)
        # The Databricks CLI queues by default (its mutator for job defaults), as jobs made in the
        # UI do.
        plain.setdefault("queue", {"enabled": True})
        plain.setdefault("format", "MULTI_TASK")
        plain.pop("permissions", None)
        return BundleJob(key, job_id_of(key), plain)

    def _error(self, message: str, place: Place | None) -> BundleError:
        file, line = place or (self._file, 0)
        shown = self._shown(file)
        return BundleError(f"{shown}:{line}: {message}" if line else f"{shown}: {message}")

    def _shown(self, file: Path) -> str:
        try:
            return str(file.relative_to(self._file.parent))
        except ValueError:
            return str(file)


def _jobs_in(tree: MarkedDict) -> dict[str, Place]:
    """Where the jobs of a document are defined."""
    resources = tree.get("resources")
    jobs = resources.get("jobs") if isinstance(resources, MarkedDict) else None
    return jobs.places if isinstance(jobs, MarkedDict) else {}


def _folder_of(pattern: Path) -> Path:
    """The innermost folder that a pattern names without any wildcard."""
    while any(sign in str(pattern) for sign in _WILDCARDS):
        pattern = pattern.parent
    return pattern if pattern.suffix == "" else pattern.parent


def _find_place(settings: MarkedDict, mistake: Mistake, default: Place) -> Place:
    place, value = default, settings
    for step in mistake.path:
        places: Any = getattr(value, "places", {})
        try:
            place = places[step]
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
    return place


def _place_of_reference(value: Any, names: Names, place: Place | None = None) -> Place | None:
    """Where in ``value`` the first string stands that cannot be interpolated."""
    if isinstance(value, MarkedDict):
        children = [(each, value.places.get(key)) for key, each in value.items()]
    elif isinstance(value, MarkedList):
        children = list(zip(value, value.places, strict=True))
    else:
        try:
            interpolate(value, names)
        except UnknownVariable:
            return place
        return None
    found = (_place_of_reference(each, names, at) for each, at in children)
    return next((each for each in found if each is not None), None)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
