"""A bundle for one target, as ``databricks bundle validate`` shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .bundle_error import BundleError, Warn, errors_at
from .documents import read_documents, read_mapping
from .job_document import finish_document, initialize_document, normalize_document
from .merge import apply_target, choose_target, copy_mapping, read_section
from .paths import PathTranslator, find_files_root
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
from .variables import assign_variables, current_user_name, find_misspelled, read_target, short_name
from .yaml import LocatedDict

_SECTIONS = ("bundle", "presets", "resources", "sync", "targets", "variables", "workspace")
# Sections whose references are not replaced, or only where they are used.
_RAW_SECTIONS = ("definitions", "environments", "include", "scripts", "targets", "variables")

_SECTIONS_OF_CODE = ("python", "experimental", "workspace")


@dataclass(frozen=True, slots=True)
class ResolvedBundle:
    """A bundle for one target.

    :param jobs: the document of each job, by resource key. Nothing says that it could run.
    :param files_root: the folder of these files.
    :param catalog_objects: the full names of its schemas and volumes.
    :param tree: all of the bundle, references replaced.
    """

    target: str
    default_target: str
    jobs: LocatedDict
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
    target = choose_target(tree, target or read_target())
    default_target = _default_target(tree)
    apply_target(tree, target)
    _check_sections(tree)
    references = _read_references(tree, root, target, host, sources, warn)
    references.is_complete = False  # Python code may define what a reference names
    for key in [key for key in tree if key not in _RAW_SECTIONS]:
        tree[key] = interpolate(tree[key], references.find, tree.locations.get(key))
    jobs = _read_jobs(tree)
    initialize = partial(initialize_document, presets=references.presets, run_as=read_run_as(tree))
    for key, job in jobs.items():
        with errors_at(jobs.locations[key]):
            normalize_document(job)
        initialize(job)
    if (code := find_python_code(tree, root)) is not None:
        sources += code.find_sources()
        on_code()
        _add_code_resources(tree, code, target, jobs, references.find_variables(), initialize, warn)
        jobs = _read_jobs(tree)
    catalog_objects = _find_catalog_objects(tree, references)
    references.is_complete = True
    files_path = interpolate("${workspace.file_path}", references.find)
    files_root = find_files_root(root, read_section(tree, "sync"))
    _finish_jobs(jobs, references, PathTranslator(files_root, files_path, root), warn)
    return ResolvedBundle(
        target, default_target, jobs, files_path, files_root, catalog_objects, tree
    )


def _read_tree(file: Path, sources: list[Path], warn: Warn) -> LocatedDict:
    """Read the files of a bundle, and warn of what is odd in them."""
    tree = read_documents(file, sources, warn)
    for message, location in find_unknown_fields(tree):
        warn(message, location)
    _check_sections(tree)
    return tree


def _check_sections(tree: LocatedDict) -> None:
    """Check that sections are mappings: those of the files, which a target may hide, or merged."""
    for key in _SECTIONS:
        read_section(tree, key)
    read_section(read_section(tree, "bundle"), "git")


def _read_references(
    tree: LocatedDict,
    root: Path,
    target: str,
    host: str | None,
    sources: list[Path],
    warn: Warn,
) -> References:
    """Return the values of references, with those of variables and the presets for names."""
    overrides = root / f".databricks/bundle/{target}/variable-overrides.json"
    sources.append(overrides)
    overriding = read_mapping(overrides) if overrides.is_file() else {}
    values = assign_variables(read_section(tree, "variables"), overriding)
    references = References(tree, root, target, values, host)
    _check_variables(values, references, warn)
    references.presets = read_presets(
        interpolate(read_section(tree, "presets"), references.find),
        interpolate(read_section(tree, "bundle"), references.find),
        short_name(current_user_name()),
    )
    return references


def _add_code_resources(
    tree: LocatedDict,
    code: PythonCode,
    target: str,
    jobs: LocatedDict,
    variables: Mapping[str, Any],
    initialize: Callable[[LocatedDict], None],
    warn: Warn,
) -> None:
    """Add the resources that code defines to a tree, and change jobs as its mutators do.

    A bundle that has jobs in YAML too does without the package of the code.

    :param jobs: those in YAML.
    :param initialize: fills in the presets of a new job.
    """
    resources = tree["resources"] = copy_mapping(read_section(tree, "resources"))
    resources["jobs"] = jobs
    document = {  # the bundle as the code sees it
        "bundle": {**read_section(tree, "bundle"), "target": target, "environment": target},
        "variables": {key: {"value": value} for key, value in variables.items()},
        "resources": {"jobs": jobs},
        **{key: tree[key] for key in _SECTIONS_OF_CODE if tree.get(key)},
    }
    try:
        if code.section.get("resources"):
            _load_resources(code, resources, document, initialize)
        if code.section.get("mutators") and resources["jobs"]:
            _apply_mutators(code, resources["jobs"], document)
    except PackageMissing as error:
        if not jobs:
            raise
        warn(error.message, error.location)


def _load_resources(
    code: PythonCode,
    resources: LocatedDict,
    document: dict[str, Any],
    initialize: Callable[[LocatedDict], None],
) -> None:
    for kind, loaded in code.run("load_resources", document).items():
        known = read_section(resources, kind)
        for key in [key for key in loaded if key in known and loaded[key] != known[key]]:
            message = f"{key!r} of {kind!r} is already defined in YAML."
            raise BundleError(message, loaded.locations[key])
        all_of_kind = resources[kind] = copy_mapping(known)  # the output has them again
        for key in [key for key in loaded if key not in known]:
            all_of_kind[key], all_of_kind.locations[key] = loaded[key], loaded.locations[key]
            if kind == "jobs":
                with errors_at(loaded.locations[key]):
                    normalize_document(loaded[key])
                initialize(loaded[key])


def _apply_mutators(code: PythonCode, jobs: LocatedDict, document: dict[str, Any]) -> None:
    document["resources"] = {"jobs": jobs}
    changed = code.run("apply_mutators", document).get("jobs", LocatedDict())
    for key in [key for key in changed if key in jobs and changed[key] != jobs[key]]:
        jobs[key] = keep_locations(jobs[key], changed[key])
        jobs.locations[key] = changed.locations[key]
        with errors_at(jobs.locations[key]):
            normalize_document(jobs[key])


def _find_catalog_objects(tree: LocatedDict, references: References) -> tuple[str, ...]:
    """Return the full names of schemas and volumes, with references that are unknown here."""
    resources = read_section(tree, "resources")
    ids = [
        f"${{resources.{kind}.{key}.id}}"
        for kind in ("schemas", "volumes")
        for key in read_section(resources, kind)
    ]
    return tuple(str(interpolate(each, references.find)) for each in ids)


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
        with errors_at(location):
            finish_document(job, paths, metadata_path)


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
    for warning in find_misspelled(values):
        warn(warning, None)
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
