"""Single settings: looked up, read and checked; what is wrong is said with the key's name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigurationError

KEY_PREFIX = "LAKEFLOW_JOBS"


@dataclass(frozen=True)
class Sources:
    """Where settings are looked up: the app's config first, then the process environment."""

    config: Mapping[str, Any]
    environ: Mapping[str, str]

    def get(self, key: str) -> Any:
        value = self.config.get(key)
        return self.environ.get(key) if value is None else value


def optional(read: Callable[..., Any], sources: Sources, name: str, **limits: float) -> Any:
    if sources.get(f"{KEY_PREFIX}_{name}") in (None, ""):
        return None
    return read(sources, name, 0, **limits)


def seconds(sources: Sources, name: str, default: float, *, least: float | None = None) -> float:
    key = f"{KEY_PREFIX}_{name}"
    value = sources.get(key)
    if value in (None, ""):
        return default
    return number(key, value, above=0.0 if least is None else None, least=least)


def number(
    key: str, value: Any, *, above: float | None = None, least: float | None = None
) -> float:
    try:
        result = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = float("nan")
    if above is not None and not above < result < float("inf"):
        raise ConfigurationError(f"{key} must be a number above {above:g}, not {value!r}.")
    if least is not None and not least <= result < float("inf"):
        raise ConfigurationError(f"{key} must be a number of at least {least:g}, not {value!r}.")
    return result


def count(sources: Sources, name: str, default: int, *, least: int = 1) -> int:
    key = f"{KEY_PREFIX}_{name}"
    value = sources.get(key)
    if value in (None, ""):
        return default
    text = "" if isinstance(value, bool) else str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise ConfigurationError(
            f"{key} must be a whole number of at least {least}, not {value!r}."
        )
    return int(text)


def flag(sources: Sources, name: str, default: bool) -> bool:
    key = f"{KEY_PREFIX}_{name}"
    value = sources.get(key)
    if value in (None, ""):
        return default
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    meant = words.get(str(value).strip().lower())
    if meant is None:
        raise ConfigurationError(f"{key} must be true or false, not {value!r}.")
    return meant


def mapping(sources: Sources, name: str, default: Mapping[str, Any]) -> Mapping[str, Any]:
    key = f"{KEY_PREFIX}_{name}" if name else KEY_PREFIX
    value = sources.get(key)
    if value in (None, ""):
        return default
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{key} is not JSON: {error.msg} at position {error.pos}"
            ) from None
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{key} must be a mapping, not {type(value).__name__}.")
    return value
