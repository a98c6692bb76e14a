"""Single settings: looked up, read and checked; what is wrong is said with the key's name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError, quote
from .keys import Key

#: What is counted is never more.
MAX_INT = 999_999_999


@dataclass(frozen=True)
class SettingsReader:
    """Where settings are looked up: the app's config first, then the process environment."""

    config: Mapping[str, Any]
    environ: Mapping[str, str]

    def get(self, key: str) -> Any:
        value = self.config.get(key)
        return self.environ.get(key) if value is None else value


def read_optional(
    read: Callable[..., Any], sources: SettingsReader, key: Key, **limits: float
) -> Any:
    return None if sources.get(key.name) in (None, "") else read(sources, key, **limits)


def read_seconds(sources: SettingsReader, key: Key, *, least: float | None = None) -> float:
    value = sources.get(key.name)
    if value in (None, ""):
        return float(key.default)
    return parse_number(key.name, value, above=0.0 if least is None else None, least=least)


def parse_number(
    key: str, value: Any, *, above: float | None = None, least: float | None = None
) -> float:
    try:
        result = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        result = float("nan")
    if above is not None and not above < result < float("inf"):
        raise ConfigurationError(f"{key} must be a number above {above:g}, not {quote(value)}.")
    if least is not None and not least <= result < float("inf"):
        raise ConfigurationError(
            f"{key} must be a number of at least {least:g}, not {quote(value)}."
        )
    return result


def read_int(sources: SettingsReader, key: Key, *, least: int = 1) -> int:
    value = sources.get(key.name)
    if value in (None, ""):
        return int(key.default)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_INT:
        raise ConfigurationError(
            f"{key.name} must be a whole number from {least} to {MAX_INT}, not {quote(value)}."
        )
    return value


def read_bool(sources: SettingsReader, key: Key) -> bool:
    value = sources.get(key.name)
    if value in (None, ""):
        return bool(key.default)
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    meant = words.get(str(value).strip().lower())
    if meant is None:
        raise ConfigurationError(f"{key.name} must be true or false, not {quote(value)}.")
    return meant


def read_secret(sources: SettingsReader, key: Key) -> str:
    """A text that no message repeats."""
    value = sources.get(key.name)
    if not isinstance(value, str):
        raise ConfigurationError(f"{key.name} must be text, not {type(value).__name__}.")
    return value


def read_parameter_name(sources: SettingsReader, key: Key) -> str:
    value = sources.get(key.name)
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]+", value, re.ASCII):
        raise ConfigurationError(
            f"{key.name} must be the name of a job parameter (letters, digits, '_', '-' and '.'),"
            f" not {quote(value)}."
        )
    return value


def read_path_prefix(sources: SettingsReader, key: Key) -> str:
    value = sources.get(key.name)
    return str(key.default) if value is None else parse_path_prefix(key.name, value)


def parse_path_prefix(key: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(/[\w.~-]+)+", value, re.ASCII):
        raise ConfigurationError(f"{key} must be a path such as '/jobs', not {quote(value)}.")
    return value


def read_mapping(sources: SettingsReader, key: Key) -> Mapping[str, Any]:
    value = sources.get(key.name)
    if value in (None, ""):
        return dict(key.default)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ConfigurationError(
                f"{key.name} is not JSON: {error.msg} at position {error.pos}"
            ) from None
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{key.name} must be a mapping, not {type(value).__name__}.")
    return value


def read_cache_config(sources: SettingsReader, key: Key) -> Mapping[str, Any]:
    """A Flask-Caching configuration; without a type it would keep nothing, and say so nowhere."""
    value = read_mapping(sources, key)
    if not value.get("CACHE_TYPE"):
        raise ConfigurationError(
            f"{key.name} must say its CACHE_TYPE, such as {key.default['CACHE_TYPE']!r}."
        )
    return value
