"""Settings that a bundle gives to all its jobs: presets, and the identity that runs them.

Presets come from the bundle and from a target's ``mode: development``. Source: the CLI's
``resourcemutator/apply_target_mode``, ``apply_presets`` and ``run_as``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import TRIGGER_FIELDS
from .bundle_error import BundleError
from .merge import read_section
from .validation import parse_boolean
from .variables import current_user_name
from .yaml import LocatedDict, format_scalar

_DEVELOPMENT_CONCURRENT_RUNS = 4
_MODES = ("development", "production")
_IDENTITIES = ("service_principal_name", "user_name")
# Their APIs know no run_as.
_ONLY_OWN_IDENTITY = ("apps", "model_serving_endpoints", "quality_monitors")
_PAUSE_STATUSES = ("PAUSED", "UNPAUSED")
# Resources whose names are identifiers.
_IDENTIFIERS = ("model_serving_endpoints", "registered_models", "schemas")
#: The field that takes the prefix of names, by kind of resource.
NAME_FIELDS = {
    **dict.fromkeys(("alerts", "dashboards"), "display_name"),
    "clusters": "cluster_name",
    "genie_spaces": "title",
    "instance_pools": "instance_pool_name",
    **dict.fromkeys(("experiments", "jobs", "models", "pipelines", "sql_warehouses"), "name"),
    **dict.fromkeys(_IDENTIFIERS, "name"),
}


@dataclass(frozen=True, slots=True)
class Presets:
    """Settings of all jobs of a bundle.

    :param pause_status: of schedules and triggers; empty to leave them as they are.
    :param max_concurrent_runs: of jobs without a number of their own; 0 to leave them as they are.
    """

    name_prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    pause_status: str = ""
    max_concurrent_runs: int = 0

    def apply(self, settings: LocatedDict) -> None:
        """Change a job's settings."""
        name = settings.get("name") or ""
        if self.name_prefix and isinstance(name, str):
            settings["name"] = self.name_prefix + name
        tags = settings.get("tags") or {}
        if self.tags and isinstance(tags, dict):
            settings["tags"] = {**self.tags, **tags}
        if self.max_concurrent_runs and not settings.get("max_concurrent_runs"):
            settings["max_concurrent_runs"] = self.max_concurrent_runs
        if self.pause_status:
            for key in TRIGGER_FIELDS:
                if isinstance(settings.get(key), dict):
                    settings[key].setdefault("pause_status", self.pause_status)

    def format_name(self, kind: str, name: str) -> str:
        """Return the name of a resource with the prefix; in identifiers as ``dev_me_name``."""
        if kind not in _IDENTIFIERS:  # those of experiments are paths
            folder, slash, name = name.rpartition("/") if kind == "experiments" else ("", "", name)
            return f"{folder}{slash}{self.name_prefix}{name}"
        prefix = self.name_prefix.strip()
        separator = "_" if prefix.endswith("]") else ""
        return re.sub(r"[\W_]+", "_", prefix.lower()).strip("_") + separator + name


def read_presets(presets: LocatedDict, bundle: LocatedDict, short_name: str) -> Presets:
    """Read the presets of a target.

    :param presets: the ``presets`` section, references replaced.
    :param bundle: the ``bundle`` section, with the target's mode.
    :param short_name: of the user who deploys.
    :raises BundleError: a preset is invalid.
    """
    mode = bundle.get("mode")
    if mode is not None and mode not in _MODES:
        raise BundleError(
            f"Unknown mode {mode!r}. Use 'development' or 'production'.", bundle.locations["mode"]
        )
    prefix = format_scalar(presets.get("name_prefix")) or ""
    tags = {} if presets.get("tags") is None else presets["tags"]
    pause_status = presets.get("trigger_pause_status") or ""
    runs = presets.get("jobs_max_concurrent_runs") or 0
    for key, is_valid, message in (
        ("name_prefix", isinstance(prefix, str), "'name_prefix' has to be a string."),
        ("tags", isinstance(tags, dict), "'tags' of the presets has to be a mapping."),
        (
            "trigger_pause_status",
            pause_status in ("", *_PAUSE_STATUSES),
            f"'trigger_pause_status' is one of {', '.join(_PAUSE_STATUSES)}, not {pause_status!r}.",
        ),
        (
            "jobs_max_concurrent_runs",
            isinstance(runs, int),
            f"'jobs_max_concurrent_runs' has to be a number, not {runs!r}.",
        ),
    ):
        if not is_valid:
            raise BundleError(message, presets.locations[key])
    if mode == "development":
        prefix = prefix or f"[dev {short_name}] "
        tags = {"dev": short_name, **tags}
        if pause_status == "UNPAUSED":
            raise BundleError(
                "A target with 'mode: development' cannot set 'trigger_pause_status' to UNPAUSED. "
                "Remove it, or set 'pause_status' of single jobs.",
                presets.locations.get("trigger_pause_status"),
            )
        pause_status = "PAUSED"
        runs = runs or _DEVELOPMENT_CONCURRENT_RUNS
    tags = {key: format_scalar(value) for key, value in tags.items()}
    return Presets(prefix, tags, pause_status, runs)


def read_run_as(tree: LocatedDict) -> Mapping[str, Any] | None:
    """Return the identity that runs jobs without one of their own, if the bundle names one.

    :param tree: the bundle, merged with its target, references replaced.
    :raises BundleError: the bundle names none or two, or has a resource that others cannot run.
    """
    if tree.get("run_as") is None:
        return None
    location = tree.locations["run_as"]
    run_as = read_section(tree, "run_as")
    given = {key: run_as[key] for key in _IDENTITIES if run_as.get(key)}
    if read_section(tree, "experimental").get("use_legacy_run_as"):
        return given
    if len(given) != 1:
        number = "names both" if given else "names neither"
        raise BundleError(
            f"'run_as' {number} of 'service_principal_name' and 'user_name'. Name one.", location
        )
    (identity,) = given.values()
    resources = read_section(tree, "resources")
    refused = [kind for kind in _ONLY_OWN_IDENTITY if resources.get(kind)]
    if any(_embeds_credentials(each) for each in read_section(resources, "dashboards").values()):
        refused.append("dashboards' with 'embed_credentials")
    if refused and identity != current_user_name():
        raise BundleError(
            f"'run_as' cannot name someone else in a bundle with '{refused[0]}', which only "
            "their owner runs. Name the user who deploys, or set 'run_as' at each job.",
            location,
        )
    return given


def _embeds_credentials(dashboard: object) -> bool:
    return isinstance(dashboard, dict) and parse_boolean(dashboard.get("embed_credentials")) is True
