"""A bundle for one target, as ``databricks bundle validate`` shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..model import Settings
from .bundle_error import BundleError, Location
from .documents import read_documents, read_mapping
from .job_document import (
    find_repeated_items,
    finish_document,
    initialize_document,
    normalize_document,
)
from .merge import apply_target, choose_target, copy_mapping, read_section
from .paths import PathTranslator, find_files_root, read_pipelines
from .presets import read_presets, read_run_as
from .python_code import PackageMissing, PythonCode, find_python_code, keep_locations
from .references import (
    CircularReference,
    References,
    UndefinedResource,
    find_references,
    interpolate,
)
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
    :param pipelines: the settings of each pipeline, by resource key.
    :param files_root: the folder of these files.
    :param catalog_objects: the full names of its schemas and volumes.
    :param tree: all of the bundle, references replaced.
    """

    target: str
    default_target: str
    jobs: LocatedDict
    pipelines: dict[str, Settings]
    files_path: str
    files_root: Path
    catalog_objects: tuple[str, ...]
    tree: LocatedDict


def resolve_bundle(
    file: Path,
    target: str | None,
    host: str | None,
    sources: list[Path],
    warn: Warn,
    on_code: Callable[[], None] = lambda: None,
) -> ResolvedBundle:
    """Read a bundle for a target.

    :param target: the name of the target; ``None`` for that in the environment, or the default one.
    :param host: the address of the workspace, if known.
    :param sources: receives every file that is read, and every file or folder that may yet appear.
    :param warn: receives messages about what is odd but harmless.
    :param on_code: called before Python code runs.
    :raises BundleError: the CLI would refuse it.
    """
    root = file.parent
    tree = _read_tree(file, sources, warn)
    name = choose_target(tree, target or read_target())
    default_target = _default_target(tree)
    _warn_of_repeated_items(tree, warn)
    apply_target(tree, name)
    overrides = root / f".databricks/bundle/{name}/variable-overrides.json"
    sources.append(overrides)
    overriding = read_mapping(overrides) if overrides.is_file() else {}
    values = assign_variables(read_section(tree, "variables"), overriding)
    references = References(tree, root, name, values, host)
    _check_variables(values, references, warn)
    references.presets = read_presets(
        interpolate(read_section(tree, "presets"), references.find),
        interpolate(read_section(tree, "bundle"), references.find),
        short_name(current_user_name()),
    )
    # Python code may define what a reference names.
    references.is_complete = False
    for key in [key for key in tree if key not in _RAW_SECTIONS]:
        tree[key] = interpolate(tree[key], references.find, tree.locations.get(key))
    jobs = _read_jobs(tree)
    initialize = partial(initialize_document, presets=references.presets, run_as=read_run_as(tree))
    for key, job in jobs.items():
        _at(jobs.locations[key], normalize_document, job)
        initialize(job)
    if (code := find_python_code(tree, root)) is not None:
        sources += code.find_sources()
        tree["resources"] = copy_mapping(read_section(tree, "resources"))
        tree["resources"]["jobs"] = jobs
        on_code()
        _run_code(code, tree, _describe(tree, name, values, references), initialize, warn)
        jobs = _read_jobs(tree)
    catalog_objects = _find_catalog_objects(tree, references)
    references.is_complete = True
    files_path = interpolate("${workspace.file_path}", references.find)
    files_root = find_files_root(root, read_section(tree, "sync"))
    _finish_jobs(jobs, references, PathTranslator(files_root, files_path, root), warn)
    section = read_section(tree, "resources").get("pipelines")
    pipelines = read_pipelines(interpolate(section, references.find), root)
    return ResolvedBundle(
        name, default_target, jobs, pipelines, files_path, files_root, catalog_objects, tree
    )


def _find_catalog_objects(tree: LocatedDict, references: References) -> tuple[str, ...]:
    """Return the full names of schemas and volumes, with references that are unknown here."""
    resources = read_section(tree, "resources")
    ids = [
        f"${{resources.{kind}.{key}.id}}"
        for kind in ("schemas", "volumes")
        for key in read_section(resources, kind)
    ]
    return tuple(str(interpolate(each, references.find)) for each in ids)


def _read_tree(file: Path, sources: list[Path], warn: Warn) -> LocatedDict:
    """Read the files of a bundle; each of its sections is a mapping."""
    tree, warnings = read_documents(file, sources)
    for message, location in (*warnings, *find_unknown_fields(tree)):
        warn(message, location)
    for key in _SECTIONS:
        read_section(tree, key)
    read_section(read_section(tree, "bundle"), "git")
    return tree


def _run_code(
    code: PythonCode,
    tree: LocatedDict,
    document: dict[str, Any],
    initialize: Callable[[LocatedDict], None],
    warn: Warn,
) -> None:
    """Add the resources that Python code defines to a tree, and change jobs as its mutators do.

    A bundle that has jobs in YAML too does without the package of the code.

    :param document: the bundle as the code sees it.
    """
    jobs = read_section(tree, "resources")["jobs"]
    try:
        if code.section.get("resources"):
            _load_resources(code, tree, document, initialize)
        _apply_mutators(code, tree, document)
    except PackageMissing as error:
        if not jobs:
            raise
        warn(error.message, error.location)


def _load_resources(
    code: PythonCode,
    tree: LocatedDict,
    document: dict[str, Any],
    initialize: Callable[[LocatedDict], None],
) -> None:
    resources = read_section(tree, "resources")
    for kind, loaded in code.run("load_resources", document).items():
        known = read_section(resources, kind)
        for key in [key for key in loaded if key in known and loaded[key] != known[key]]:
            message = f"{key!r} of {kind!r} is already defined in YAML."
            raise BundleError(message, loaded.locations[key])
        all_of_kind = resources[kind] = copy_mapping(known)  # the output has them again
        for key in [key for key in loaded if key not in known]:
            all_of_kind[key], all_of_kind.locations[key] = loaded[key], loaded.locations[key]
            if kind == "jobs":
                _at(loaded.locations[key], normalize_document, loaded[key])
                initialize(loaded[key])


def _apply_mutators(code: PythonCode, tree: LocatedDict, document: dict[str, Any]) -> None:
    jobs = read_section(tree, "resources")["jobs"]
    if code.section.get("mutators") and jobs:
        document["resources"] = {"jobs": jobs}
        changed = code.run("apply_mutators", document).get("jobs", LocatedDict())
        for key in [key for key in changed if key in jobs and changed[key] != jobs[key]]:
            jobs[key] = keep_locations(jobs[key], changed[key])
            jobs.locations[key] = changed.locations[key]
            _at(jobs.locations[key], normalize_document, jobs[key])


def _describe(
    tree: LocatedDict, target: str, values: LocatedDict, references: References
) -> dict[str, Any]:
    """Return the bundle as Python code sees it."""
    variables = {key: {"value": _find_value(key, values, references)} for key in values}
    bundle = {**read_section(tree, "bundle"), "target": target, "environment": target}
    return {
        "bundle": bundle,
        "variables": variables,
        "resources": {"jobs": read_section(tree, "resources")["jobs"]},
        **{key: tree[key] for key in ("python", "experimental", "workspace") if tree.get(key)},
    }


def _find_value(key: str, values: LocatedDict, references: References) -> Any:
    try:
        return interpolate(f"${{var.{key}}}", references.find)
    except BundleError:  # a circle of complex values, of which there is a warning
        return values[key]


def _finish_jobs(
    jobs: LocatedDict, references: References, paths: PathTranslator, warn: Warn
) -> None:
    """Turn the jobs into what ``bundle deploy`` would create."""
    metadata_path = interpolate("${workspace.state_path}/metadata.json", references.find)
    for key in jobs:
        location = jobs.locations[key]
        job = jobs[key] = interpolate(jobs[key], references.find, location)
        for each, place in find_references(_settings_of(job), location):
            warn(f"Job {key!r}: Only a workspace knows ${{{each}}}, so it stays as it is.", place)
        _at(location, finish_document, job, paths, metadata_path)


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
        except UndefinedResource:
            continue  # The CLI finds resources only for those that refer to them.
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


def _at(location: Location, step: Callable[..., None], *arguments: Any) -> None:
    """Take a step. Its errors get a location, unless they have one."""
    try:
        step(*arguments)
    except BundleError as error:
        raise BundleError(error.message, error.location or location) from None
