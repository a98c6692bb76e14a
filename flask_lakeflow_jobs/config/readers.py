"""Reading single settings as a type. An error names the setting that is invalid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ..errors import ConfigurationError, quote
from .keys import Key

MAX_INT = 999_999_999

#: 23 days. A socket cannot wait for 25: it counts milliseconds in 31 bits.
MAX_SECONDS = 2_000_000.0

#: An instance, or an endpoint of a project with autoscaling.
LAKEBASE_NAME = r"[\w.-]+|projects/[\w.-]+/branches/[\w.-]+/endpoints/[\w.-]+"

#: What a flag may be.
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

T = TypeVar("T")

#: ``(setting, value) -> the value as its type``. The setting is for messages.
Parser: TypeAlias = Callable[[str, Any], T]


@dataclass(frozen=True)
class SettingsReader:
    """Reads settings from the app's config or, if it has none, from the process environment."""

    config: Mapping[str, Any]
    environ: Mapping[str, str]

    def get(self, name: str) -> Any:
        value = self.config.get(name)
        return self.environ.get(name) if value is None else value

    def read(self, key: Key, parse: Parser[T]) -> T:
        """Return a setting as its type, or the key's default if it is not set.

        An empty string counts as not set.
        """
        value = self.get(key.name)
        return key.default if value in (None, "") else parse(key.name, value)


def parse_seconds(name: str, value: Any, *, minimum: float | None = None) -> float:
    """Parse a number of seconds: above zero, or at least ``minimum``."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    is_enough = number > 0.0 if minimum is None else number >= minimum
    if not (is_enough and number <= MAX_SECONDS):
        bound = "above 0" if minimum is None else f"of at least {minimum:g}"
        raise ConfigurationError(
            f"{name} must be a number {bound} and at most {MAX_SECONDS:.0f}, not {quote(value)}."
        )
    return number


def parse_int(name: str, value: Any, *, minimum: int = 1) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_INT:
        raise ConfigurationError(
            f"{name} must be a whole number from {minimum} to {MAX_INT}, not {quote(value)}."
        )
    return value


def parse_bool(name: str, value: Any) -> bool:
    if (parsed := _find_flag(value)) is None:
        raise ConfigurationError(f"{name} must be true or false, not {quote(value)}.")
    return parsed


def _find_flag(value: Any) -> bool | None:
    return WORDS.get(str(value).strip().lower())


def parse_secret(name: str, value: Any) -> str:
    """Parse a string that no message quotes, without the end of a file's line."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be text, not {type(value).__name__}.")
    if not value.strip():
        raise ConfigurationError(f"{name} is blank. Set it to the secret, or unset it.")
    return value.rstrip("\r\n")


def parse_parameter_name(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]+", value, re.ASCII):
        raise ConfigurationError(
            f"{name} must be the name of a job parameter (letters, digits, '_', '-' and '.'), not"
            f" {quote(value)}."
        )
    return value


def parse_path_prefix(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(
        r"(/(?!\.\.?(/|$))[\w.~-]+)+", value, re.ASCII
    ):
        raise ConfigurationError(f"{name} must be a path such as '/jobs', not {quote(value)}.")
    return value


def parse_record_url(name: str, value: Any) -> str | bool | None:
    """Parse ``True`` or a URL, which no message quotes: it may contain a password.

    :return: ``None``: there is no database.
    """
    if isinstance(value, str) and "://" in value:
        return value
    if (parsed := _find_flag(value)) is None:
        raise ConfigurationError(f"{name} must be true, false or the URL of a database.")
    return parsed or None


def parse_lakebase(name: str, value: Any) -> str | bool | None:
    """Parse ``True``, or the name of an instance or an endpoint of Lakebase.

    :return: ``None``: none is used.
    """
    if str(value).strip().lower() in ("true", "false"):
        return parse_bool(name, value) or None
    if isinstance(value, str) and re.fullmatch(LAKEBASE_NAME, value, re.ASCII):
        return value
    raise ConfigurationError(
        f"{name} must be true, the name of a database instance, or the name of an endpoint"
        f" (projects/…/branches/…/endpoints/…), not {quote(value)}."
    )


def parse_mapping(name: str, value: Any) -> Mapping[str, Any]:
    """Parse a mapping; in the environment, it is JSON."""
    if isinstance(value, str):
        if not value.lstrip().startswith("{"):  # such as a URL of Redis
            raise ConfigurationError(
                f'{name} must be a mapping. As text, write JSON: {{"name": "value"}}.'
            )
        value = parse_json_setting(name, value)
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} must be a mapping, not {type(value).__name__}.")
    return value


def parse_cache_config(name: str, value: Any) -> Mapping[str, Any]:
    """Parse a Flask-Caching configuration. Without a type, it would silently cache nothing."""
    config = parse_mapping(name, value)
    if not config.get("CACHE_TYPE"):
        raise ConfigurationError(f"{name} must have a CACHE_TYPE, such as 'SimpleCache'.")
    return config


def parse_json_setting(name: str, text: str) -> Any:
    """Parse JSON, which no message quotes."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{name} is not JSON: {error.msg} at position {error.pos}."
        ) from None
