"""A bundle for one target, as ``databricks bundle validate`` shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .documents import read_documents, read_mapping
from .errors import BundleError, Location
from .job_document import find_repeated_items, normalize_document
from .merge import apply_target, choose_target, copy_mapping, read_section
from .paths import PathTranslator, find_files_root
from .presets import read_presets
from .references import CircularReference, References, find_references, interpolate
from .run_as import read_run_as
from .validation import find_unknown_fields
from .variables import assign_variables, current_user_name, read_target, short_name
from .yaml import LocatedDict

_SECTIONS = ("bundle", "presets", "resources", "sync", "targets", "variables", "workspace")
# Sections whose references are not replaced, or only where they are used.
_RAW_SECTIONS = ("definitions", "environments", "include", "scripts", "targets", "variables")

Warn = Callable[[str, "Location | None"], None]


@dataclass(frozen=True, slots=True)
class ResolvedBundle:
    """A bundle for one target.

    :param jobs: the document of each job, by resource key. Nothing says that it could run.
    :param files_path: the path of its files in the workspace.
    :param files_root: the folder of these files.
    :param tree: all of the bundle, references replaced.
    """

    target: str
    default_target: str
    jobs: LocatedDict
    files_path: str
    files_root: Path
    tree: LocatedDict


def resolve_bundle(
    file: Path, target: str | None, host: str | None, sources: list[Path], warn: Warn
) -> ResolvedBundle:
    """Read a bundle for a target.

    :param file: its root file.
    :param target: the name of the target; ``None`` for that in the environment, or the default one.
    :param host: the address of the workspace, if known.
    :param sources: receives every file that is read, and every file or folder that may yet appear.
    :param warn: receives messages about what is odd but harmless.
    :raises BundleError: the CLI would refuse it.
    """
    root = file.parent
    tree, warnings = read_documents(file, sources)
    for message, location in (*warnings, *find_unknown_fields(tree)):
        warn(message, location)
    for key in _SECTIONS:
        read_section(tree, key)
    read_section(read_section(tree, "bundle"), "git")
    name = choose_target(tree, target or read_target())
    default_target = _default_target(tree)
    _warn_of_repeated_items(tree, warn)
    apply_target(tree, name)
    overrides = root / f".databricks/bundle/{name}/variable-overrides.json"
    sources.append(overrides)
    values = assign_variables(
        read_section(tree, "variables"), read_mapping(overrides) if overrides.is_file() else {}
    )
    references = References(tree, root, name, values, host)
    _check_variables(values, references, warn)
    references.presets = read_presets(
        interpolate(read_section(tree, "presets"), references.find),
        read_section(tree, "bundle"),
        short_name(current_user_name()),
    )
    for key in [key for key in tree if key not in _RAW_SECTIONS]:
        tree[key] = interpolate(tree[key], references.find, tree.locations.get(key))
    run_as = read_run_as(tree)
    files_path = interpolate("${workspace.file_path}", references.find)
    files_root = find_files_root(root, read_section(tree, "sync"))
    jobs = _read_jobs(tree)
    state_path = interpolate("${workspace.state_path}", references.find)
    for key, job in jobs.items():
        location = jobs.locations[key]
        for each, place in find_references(_settings_of(job), location):
            warn(f"Job {key!r}: Only a workspace knows ${{{each}}}, so it stays as it is.", place)
        _normalize(
            job,
            location,
            presets=references.presets,
            run_as=run_as,
            paths=PathTranslator(files_root, files_path),
            metadata_path=f"{state_path}/metadata.json",
        )
    return ResolvedBundle(name, default_target, jobs, files_path, files_root, tree)


def _settings_of(job: LocatedDict) -> LocatedDict:
    settings = copy_mapping(job)
    settings.pop("permissions", None)
    return settings


def _default_target(tree: LocatedDict) -> str:
    try:
        return choose_target(tree, None)
    except BundleError:
        return ""


def _check_variables(values: LocatedDict, references: References, warn: Warn) -> None:
    """Check that the value of each variable can be found, used or not."""
    for key, value in values.items():
        location = values.locations.get(key)
        try:
            interpolate(value, references.find, location, (f"var.{key}",))
        except CircularReference as error:
            # The CLI follows a circle of complex values for a while, and then leaves it.
            if not isinstance(value, (dict, list)):
                raise BundleError(str(error), location) from None
            warn(str(error), location)
        except LookupError as error:
            raise BundleError(str(error), location) from None


def _read_jobs(tree: LocatedDict) -> LocatedDict:
    jobs = read_section(tree, "resources").get("jobs")
    if not isinstance(jobs, LocatedDict):
        return LocatedDict()
    for key, job in jobs.items():
        if not isinstance(job, LocatedDict):
            raise BundleError(f"The job {key!r} has to be a mapping.", jobs.locations[key])
    return jobs


def _warn_of_repeated_items(tree: LocatedDict, warn: Warn) -> None:
    jobs = read_section(tree, "resources").get("jobs")
    for key, job in jobs.items() if isinstance(jobs, LocatedDict) else ():
        if isinstance(job, LocatedDict):
            for message, location in find_repeated_items(job):
                warn(f"Job {key!r}: {message}", location)


def _normalize(job: LocatedDict, location: Location, **context: Any) -> None:
    try:
        normalize_document(job, **context)
    except BundleError as error:
        raise BundleError(error.message, error.location or location) from None
