"""A ``databricks.yml`` bundle: the jobs in it, as ``databricks bundle deploy`` would make them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model import Settings
from .conversion import convert, drop_nulls
from .dependencies import find_reachable
from .documents import Documents, display_path, find_root_file, read_mapping
from .errors import BundleError, Location
from .fields import unknown_fields
from .merge import apply_target, apply_target_resources, choose_target, section
from .paths import DeployedFiles, all_tasks, files_root
from .presets import presets_of
from .types import FieldError
from .validation import find_undefined_keys, validate_settings
from .variables import (
    Names,
    UnknownVariable,
    current_user_name,
    derive_job_id,
    interpolate,
    read_target,
    short_name,
)
from .yaml import MarkedDict, MarkedList

_SECTIONS = ("bundle", "presets", "resources", "sync", "targets", "variables", "workspace")

# What a bundle says of a job that is no part of the job's settings.
_NO_SETTINGS = ("id", "lifecycle", "permissions")


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
    :param target: which of its targets it was read for.
    :param default_target: the one for which it is read where none is named; empty if there is none.
    :param jobs: its jobs by resource key.
    :param files_path: where in the workspace its files appear.
    :param files_root: the folder whose files appear there; by ``sync.paths`` it may be above the
        bundle's.
    :param sources: every file that was read, and every file or folder which may yet appear.
    :param warnings: what is odd in it and stops nothing, each with file and line.
    """

    path: Path
    root: Path
    target: str
    default_target: str
    jobs: Mapping[str, BundleJob]
    files_path: str
    files_root: Path
    sources: tuple[Path, ...] = field(default=(), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)


def load_bundle(path: str | Path, *, target: str | None = None, host: str | None = None) -> Bundle:
    """Read a bundle.

    :param path: the ``databricks.yml``, or the folder in which it stands.
    :param target: which of its targets; by default the one that ``DATABRICKS_BUNDLE_TARGET``
        names, else the one marked as default, or the only one.
    :param host: the address of the workspace, if it is known.
    :return: the bundle with its jobs.
    :raises BundleError: it cannot be read, or a job in it could never run.
    """
    return _Loader(find_root_file(Path(path)), target, host).load()


@dataclass(frozen=True, slots=True)
class _Call:
    """A task of a job that runs another one."""

    job: str
    task: str
    job_id: Any
    place: Location


class _Loader:
    def __init__(self, file: Path, target: str | None, host: str | None) -> None:
        self._file = file
        self._root = file.parent
        self._target = target
        self._host = host
        self._warnings: list[str] = []
        self._sources: list[Path] = []
        self._calls: list[_Call] = []

    def load(self) -> Bundle:
        try:
            return self._load()
        except BundleError as error:
            raise self._error(error.message, error.location) from None
        except Exception as error:
            # Whoever reads a bundle again and again counts on its being sound or not.
            raise self._error(
                f"The reader of bundles has failed over this one: {error!r}.", None
            ) from error

    def _load(self) -> Bundle:
        documents = Documents(self._file, self._sources)
        tree = documents.tree
        for message, place in (*documents.warnings, *unknown_fields(tree)):
            self._warn(message, place)
        for key in _SECTIONS:
            section(tree, key)
        section(section(tree, "bundle"), "git")
        target = choose_target(tree, self._target or read_target())
        default_target = _default_target(tree)
        apply_target(tree, target)
        overrides_file = self._root / f".databricks/bundle/{target}/variable-overrides.json"
        self._sources.append(overrides_file)
        overrides = _read_overrides(overrides_file)
        names = Names(tree, self._root, target, overrides, self._host)
        apply_target_resources(tree, target, lambda text: _value_or_text(text, names))
        names.presets = presets_of(
            _interpolated(section(tree, "presets"), names),
            section(tree, "bundle"),
            short_name(current_user_name()),
        )
        files_path = _interpolated("${workspace.file_path}", names)
        files = DeployedFiles(files_root(self._root, section(tree, "sync")), files_path)
        return Bundle(
            self._file,
            self._root,
            target,
            default_target,
            self._jobs(tree, names, files),
            files_path,
            files.root,
            tuple(self._sources),
            tuple(self._warnings),
        )

    def _jobs(self, tree: MarkedDict, names: Names, files: DeployedFiles) -> dict[str, BundleJob]:
        found = section(tree, "resources").get("jobs")
        if not isinstance(found, MarkedDict) or not found:
            in_python = (
                " Those that its Python code defines are not seen here." if "python" in tree else ""
            )
            raise BundleError(
                "The bundle has no jobs. Define at least one under 'resources.jobs'." + in_python,
                tree.places.get("resources"),
            )
        jobs = {
            key: self._job(key, marked, found.places[key], names, files)
            for key, marked in self._runnable(found).items()
        }
        self._warn_of_circles()
        return jobs

    def _runnable(self, found: MarkedDict) -> MarkedDict:
        """The jobs with tasks, if there are any: what has none yet stops none of the others."""
        with_tasks = MarkedDict(
            {
                key: marked
                for key, marked in found.items()
                if not isinstance(marked, MarkedDict) or marked.get("tasks")
            }
        )
        if not with_tasks:
            return found
        for key in (each for each in found if each not in with_tasks):
            self._warn(f"The job {key!r} has no tasks, and is left out.", found.places[key])
        return with_tasks

    def _job(
        self, key: str, marked: Any, place: Location, names: Names, files: DeployedFiles
    ) -> BundleJob:
        if not isinstance(marked, MarkedDict):
            raise BundleError(f"The job {key!r} has to be a mapping.", place)
        settings = _interpolated(marked, names, place)
        convert(settings)
        drop_nulls(settings)
        for mistake in validate_settings(settings):
            raise BundleError(
                f"Job {key!r}: {mistake.message}", _find_place(settings, mistake, place)
            )
        for mistake in find_undefined_keys(settings):
            self._warn(f"Job {key!r}: {mistake.message}", _find_place(settings, mistake, place))
        self._calls += _calls_of(key, settings, place)
        try:
            files.deploy(settings)
        except BundleError as error:
            raise BundleError(error.message, error.location or place) from None
        settings.setdefault("name", key)
        names.presets.apply(settings)
        plain = _plain(settings)
        plain.setdefault("max_concurrent_runs", 1)
        # The Databricks CLI queues by default (its mutator for job defaults), as jobs made in the
        # UI do.
        plain.setdefault("queue", {"enabled": True})
        plain["format"] = "MULTI_TASK"
        for each in _NO_SETTINGS:
            plain.pop(each, None)
        return BundleJob(key, derive_job_id(key), plain)

    def _warn_of_circles(self) -> None:
        called: dict[str, set[str]] = {}
        for call in self._calls:
            called.setdefault(str(derive_job_id(call.job)), set()).add(str(call.job_id))
        for call in self._calls:
            job_id = str(call.job_id)
            if str(derive_job_id(call.job)) in {job_id, *find_reachable(job_id, called)}:
                self._warn(
                    f"Job {call.job!r}: Task {call.task!r} runs a job that leads back to this one. "
                    "It fails where the circle closes.",
                    call.place,
                )

    def _error(self, message: str, place: Location | None) -> BundleError:
        return BundleError(self._told(message, place), place, tuple(self._sources))

    def _warn(self, message: str, place: Location | None) -> None:
        self._warnings.append(self._told(message, place))

    def _told(self, message: str, place: Location | None) -> str:
        file, line = place or (self._file, 0)
        name = display_path(file, self._root)
        return f"{name}:{line}: {message}" if line else f"{name}: {message}"


def _default_target(tree: MarkedDict) -> str:
    try:
        return choose_target(tree, None)
    except BundleError:
        return ""


def _calls_of(key: str, settings: MarkedDict, default: Location) -> Iterator[_Call]:
    for task in all_tasks(settings):
        body = task.get("run_job_task")
        if isinstance(body, MarkedDict) and "job_id" in body:
            yield _Call(key, task["task_key"], body["job_id"], body.places.get("job_id", default))


def _interpolated(value: Any, names: Names, place: Location | None = None) -> Any:
    try:
        return interpolate(value, names)
    except UnknownVariable as unknown:
        raise BundleError(
            str(unknown.args[0]), _place_of_reference(value, names) or place
        ) from None


def _value_or_text(text: str, names: Names) -> Any:
    """What a reference stands for; one that leads nowhere is told where it is used."""
    try:
        return interpolate(text, names)
    except UnknownVariable:
        return text


def _read_overrides(file: Path) -> dict[str, Any]:
    return read_mapping(file) if file.is_file() else {}


def _find_place(settings: MarkedDict, mistake: FieldError, default: Location) -> Location:
    place, value = default, settings
    for step in mistake.path:
        places: Any = getattr(value, "places", {})
        try:
            place = places[step]
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
    return place


def _place_of_reference(value: Any, names: Names, place: Location | None = None) -> Location | None:
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
