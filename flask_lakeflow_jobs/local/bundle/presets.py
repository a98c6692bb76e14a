"""What ``presets``, and a target's ``mode: development``, make of a job (the CLI's
``resourcemutator/apply_target_mode`` and ``apply_presets``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .conversion import as_text
from .errors import BundleError
from .yaml import MarkedDict

_DEVELOPMENT_CONCURRENT_RUNS = 4
_MODES = ("development", "production")
_PAUSES = ("PAUSED", "UNPAUSED")


@dataclass(frozen=True, slots=True)
class Presets:
    """Settings that a bundle gives to all of its jobs.

    :param pause_status: of schedules and triggers; empty where the presets leave them alone.
    :param max_concurrent_runs: of jobs that do not say; 0 where the presets do not either.
    """

    name_prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    pause_status: str = ""
    max_concurrent_runs: int = 0

    def apply(self, settings: MarkedDict) -> None:
        """Change a job's settings."""
        settings["name"] = self.name_prefix + settings["name"]
        if self.tags:
            settings["tags"] = {**self.tags, **(settings.get("tags") or {})}
        if self.max_concurrent_runs:
            settings.setdefault("max_concurrent_runs", self.max_concurrent_runs)
        if self.pause_status:
            for key in ("schedule", "continuous", "trigger"):
                if isinstance(settings.get(key), dict):
                    settings[key].setdefault("pause_status", self.pause_status)

    def schema_name(self, name: str) -> str:
        """The name of a schema, in which the prefix is an identifier: ``dev_me_name``."""
        prefix = self.name_prefix.strip()
        ending = "_" if prefix.endswith("]") else ""
        return re.sub(r"[\W_]+", "_", prefix.lower()).strip("_") + ending + name


def presets_of(given: MarkedDict, bundle: MarkedDict, short_name: str) -> Presets:
    """The presets of a target.

    :param given: what stands under ``presets``, references replaced.
    :param bundle: what stands under ``bundle``; it has the target's mode.
    :param short_name: of the user who deploys.
    :raises Flaw: they make no sense.
    """
    mode = bundle.get("mode")
    if mode is not None and mode not in _MODES:
        raise BundleError(
            f"The mode {mode!r} is none. It is one of {', '.join(_MODES)}.", bundle.places["mode"]
        )
    prefix = as_text(given.get("name_prefix")) or ""
    tags = {} if given.get("tags") is None else given["tags"]
    pause = given.get("trigger_pause_status") or ""
    runs = given.get("jobs_max_concurrent_runs") or 0
    if not isinstance(prefix, str):
        raise BundleError("'name_prefix' has to be a text.", given.places["name_prefix"])
    if not isinstance(tags, dict):
        raise BundleError("'tags' of the presets has to be a mapping.", given.places["tags"])
    if pause not in ("", *_PAUSES):
        raise BundleError(
            f"'trigger_pause_status' is one of {', '.join(_PAUSES)}, not {pause!r}.",
            given.places["trigger_pause_status"],
        )
    if not isinstance(runs, int):
        raise BundleError(
            f"'jobs_max_concurrent_runs' has to be a number, not {runs!r}.",
            given.places["jobs_max_concurrent_runs"],
        )
    if mode == "development":
        prefix = prefix or f"[dev {short_name}] "
        tags = {"dev": short_name, **tags}
        pause = pause or "PAUSED"
        runs = runs or _DEVELOPMENT_CONCURRENT_RUNS
    return Presets(prefix, {key: as_text(value) for key, value in tags.items()}, pause, runs)
