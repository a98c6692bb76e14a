"""A ``databricks.yml`` bundle: the jobs in it, as ``databricks bundle deploy`` would make them."""

from __future__ import annotations

import getpass
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from flask_lakeflow_jobs.local.jobcheck import Mistake, mistakes
from flask_lakeflow_jobs.local.model import Settings
from flask_lakeflow_jobs.local.variables import UnknownVariable, interpolate
from flask_lakeflow_jobs.local.yamlmarks import MarkedDict, MarkedList, load_marked, merged

Place = tuple[Path, int]


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
    :param sources: every file that was read, to see when it changes.
    """

    path: Path
    root: Path
    jobs: Mapping[str, BundleJob]
    files_path: str
    sources: tuple[Path, ...] = field(default=(), compare=False)


def job_id_of(resource_key: str) -> int:
    """The id of a bundle's job: the same on each machine and after each restart, at most
    2**53-1.
    """
    smallest, largest = 10**14, 2**53 - 1
    digest = hashlib.sha256(resource_key.encode()).digest()
    return smallest + int.from_bytes(digest[:8], "big") % (largest - smallest + 1)


def user_name() -> str:
    """As whom the local workspace runs jobs."""
    try:
        return f"{getpass.getuser()}@localhost"
    except (KeyError, OSError):
        return "user@localhost"


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
        self._resources = MarkedDict()

    def load(self) -> Bundle:
        self._tree = self._read(self._file)
        self._include()
        target = self._choose_target()
        self._lay_target_over(target)
        name = self._section("bundle").get("name", self._file.parent.name)
        root_path = self._section("workspace").get("root_path")
        default_root = f"/Workspace/Users/{user_name()}/.bundle/{name}/{target or 'default'}"
        names = _Names(self._tree, str(name), target or "default", default_root)
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
            files = sorted(self._file.parent.glob(pattern.removeprefix("./")))
            if not files and not any(sign in pattern for sign in "*?["):
                raise self._error(f"There is no file {pattern!r} to include.", place)
            for file in files:
                if file not in self._sources:
                    self._tree = merged(self._tree, self._read(file))

    def _choose_target(self) -> str | None:
        targets = self._section("targets")
        if self._target is not None:
            if self._target not in targets:
                raise self._error(
                    f"The bundle has no target {self._target!r}. Its targets: "
                    f"{', '.join(targets) or 'none'}.",
                    self._tree.places.get("targets"),
                )
            return self._target
        defaults = [
            key for key, each in targets.items() if isinstance(each, dict) and each.get("default")
        ]
        if len(defaults) == 1:
            return defaults[0]
        return next(iter(targets)) if len(targets) == 1 else None

    def _lay_target_over(self, target: str | None) -> None:
        chosen = self._section("targets").get(target) if target else None
        if not isinstance(chosen, MarkedDict):
            return
        for key in ("bundle", "workspace", "resources"):
            if key in chosen:
                base = self._tree.get(key, MarkedDict())
                self._tree[key] = _merge_resources(base, chosen[key])
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

    def _interpolated(self, value: Any, names: _Names, place: Place | None) -> Any:
        try:
            return interpolate(value, names)
        except UnknownVariable as unknown:
            raise self._error(
                str(unknown.args[0]), _place_of_reference(value, names) or place
            ) from None

    def _job(
        self, key: str, marked: Any, place: Place, names: _Names, files_path: str
    ) -> BundleJob:
        if not isinstance(marked, MarkedDict):
            raise self._error(f"The job {key!r} has to be a mapping.", place)
        settings = self._interpolated(marked, names, place)
        for mistake in mistakes(settings):
            raise self._error(
                f"Job {key!r}: {mistake.message}", _find_place(settings, mistake, place)
            )
        files = _DeployedFiles(self._file.parent, files_path, self._error)
        for task in _all_tasks(settings):
            files.deploy(task)
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


class _Names:
    """Gives the values of ``${…}`` names."""

    def __init__(self, tree: MarkedDict, name: str, target: str, root_path: str) -> None:
        user = user_name()
        self._tree = tree
        self.builtin: dict[str, Any] = {
            "bundle.name": name,
            "bundle.target": target,
            "bundle.environment": target,
            "workspace.root_path": root_path,
            "workspace.current_user.userName": user,
            "workspace.current_user.short_name": user.partition("@")[0],
            "workspace.current_user.domain_friendly_name": user.partition("@")[0],
            "workspace.host": os.environ.get("DATABRICKS_HOST", "http://127.0.0.1"),
        }

    def __call__(self, name: str) -> Any:
        if name in self.builtin:
            return self.builtin[name]
        if name.startswith("var."):
            return self._variable(name.removeprefix("var."))
        parts = name.split(".")
        if parts[:2] == ["resources", "jobs"] and len(parts) == 4 and parts[3] == "id":
            if parts[2] in (self._tree.get("resources") or {}).get("jobs", {}):
                return job_id_of(parts[2])
            raise UnknownVariable(f"${{{name}}} names no job of this bundle.")
        if parts[:2] == ["resources", "volumes"] and parts[3:] == ["volume_path"]:
            return "/Volumes/" + "/".join(
                f"${{resources.volumes.{parts[2]}.{part}}}"
                for part in ("catalog_name", "schema_name", "name")
            )
        value: Any = self._tree
        for part in parts:
            if not isinstance(value, dict) or part not in value:
                raise UnknownVariable(f"${{{name}}} has no value here.")
            value = value[part]
        return value

    def _variable(self, name: str) -> Any:
        if (from_environment := os.environ.get(f"BUNDLE_VAR_{name}")) is not None:
            return from_environment
        variables = self._tree.get("variables") or {}
        if name not in variables:
            raise UnknownVariable(
                f"${{var.{name}}} is not defined. Define it under 'variables'"
                f"{': there are ' + ', '.join(variables) if variables else ''}."
            )
        definition = variables[name]
        if not isinstance(definition, dict) or "default" not in definition:
            raise UnknownVariable(
                f"${{var.{name}}} has no value. Give it a 'default', or a value in the target, or "
                "set "
                f"BUNDLE_VAR_{name} in the environment."
            )
        return definition["default"]


class _DeployedFiles:
    """Turns paths beside the bundle into the paths under which the workspace has them."""

    def __init__(
        self, root: Path, files_path: str, error: Callable[[str, Place | None], BundleError]
    ) -> None:
        self._root = root
        self._files_path = files_path
        self._error = error

    def deploy(self, task: MarkedDict) -> None:
        if isinstance(body := task.get("notebook_task"), MarkedDict):
            self._replace(body, "notebook_path", is_notebook=True)
        if isinstance(body := task.get("spark_python_task"), MarkedDict):
            self._replace(body, "python_file")
        sql = task.get("sql_task")
        if isinstance(sql, MarkedDict) and isinstance(file := sql.get("file"), MarkedDict):
            self._replace(file, "path")

    def _replace(self, body: MarkedDict, key: str, *, is_notebook: bool = False) -> None:
        given = body.get(key)
        if not isinstance(given, str) or body.get("source") == "GIT":
            return
        if PurePosixPath(given).is_absolute() or ":/" in given:
            return
        place = body.places.get(key)
        declared_in = place[0].parent if place else self._root
        local = Path(os.path.normpath(declared_in / given))
        if is_notebook and not local.is_file():
            local = next(
                (
                    file
                    for end in (".py", ".ipynb")
                    if (file := local.with_name(local.name + end)).is_file()
                ),
                local,
            )
        if not local.is_file():
            raise self._error(f"There is no file {given!r} (looked for {local}).", place)
        if not local.is_relative_to(self._root):
            raise self._error(f"{given!r} lies outside the bundle's folder {self._root}.", place)
        deployed = f"{self._files_path}/{local.relative_to(self._root).as_posix()}"
        # A deployed notebook has no extension.
        body[key] = deployed.rpartition(".")[0] if is_notebook else deployed


def _all_tasks(settings: MarkedDict) -> Iterator[MarkedDict]:
    for task in settings["tasks"]:
        yield task
        each = task.get("for_each_task")
        if isinstance(each, MarkedDict) and isinstance(each.get("task"), MarkedDict):
            yield each["task"]


def _merge_resources(base: Any, over: Any) -> Any:
    """Like :func:`merged`, but tasks and job clusters with the same key are one, as in the CLI."""
    if isinstance(base, MarkedDict) and isinstance(over, MarkedDict):
        result = MarkedDict(base)
        result.places = {**base.places, **over.places}
        for key, value in over.items():
            result[key] = _merge_resources(base[key], value) if key in base else value
        return result
    if isinstance(base, MarkedList) and isinstance(over, MarkedList):
        for identity in ("task_key", "job_cluster_key", "environment_key"):
            if all(isinstance(item, MarkedDict) and identity in item for item in (*base, *over)):
                return _merge_by(identity, base, over)
        return merged(base, over)
    return over


def _merge_by(identity: str, base: MarkedList, over: MarkedList) -> MarkedList:
    result = MarkedList(base)
    result.places = list(base.places)
    positions = {item[identity]: index for index, item in enumerate(result)}
    for item, place in zip(over, over.places, strict=True):
        if (index := positions.get(item[identity])) is not None:
            result[index] = _merge_resources(result[index], item)
        else:
            result.append(item)
            result.places.append(place)
    return result


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


def _place_of_reference(value: Any, names: _Names, place: Place | None = None) -> Place | None:
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
