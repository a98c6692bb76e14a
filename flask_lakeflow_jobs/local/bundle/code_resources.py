"""The resources of a bundle that its Python code defines or changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .bundle_error import BundleError, Warn, errors_at
from .job_document import normalize_document
from .merge import copy_mapping, read_section
from .python_code import PackageMissing, PythonCode, keep_locations
from .yaml import LocatedDict

_SECTIONS_OF_CODE = ("python", "experimental", "workspace")


def add_code_resources(
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
