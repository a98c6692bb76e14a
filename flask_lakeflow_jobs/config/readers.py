"""Reading single settings as a type. An error names the key of an invalid setting."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

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


@dataclass(frozen=True)
class SettingsReader:
    """Reads settings from the app's config or, if it has none, from the process environment.

    An empty string counts as not set. The default of a key applies then.
    """

    config: Mapping[str, Any]
    environ: Mapping[str, str]

    def get(self, name: str) -> Any:
        value = self.config.get(name)
        return self.environ.get(name) if value is None else value

    def is_set(self, key: Key) -> bool:
        return self.get(key.name) not in (None, "")

    def read_seconds(self, key: Key, *, minimum: float | None = None) -> float:
        """Read a number of seconds: above zero, or at least ``minimum``."""
        if not self.is_set(key):
            return float(key.default)
        return parse_seconds(key.name, self.get(key.name), minimum=minimum)

    def read_int(self, key: Key, *, minimum: int = 1) -> int:
        value = self.get(key.name)
        if not self.is_set(key):
            return int(key.default)
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip(), re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_INT:
            raise ConfigurationError(
                f"{key.name} must be a whole number from {minimum} to {MAX_INT}, not"
                f" {quote(value)}."
            )
        return value

    def read_bool(self, key: Key) -> bool:
        if not self.is_set(key):
            return bool(key.default)
        value = self.get(key.name)
        if (parsed := parse_flag(value)) is None:
            raise ConfigurationError(f"{key.name} must be true or false, not {quote(value)}.")
        return parsed

    def read_secret(self, key: Key) -> str:
        """Read a string that no message quotes, without the end of a file's line."""
        value = self.get(key.name)
        if not isinstance(value, str):
            raise ConfigurationError(f"{key.name} must be text, not {type(value).__name__}.")
        if not value.strip():
            raise ConfigurationError(f"{key.name} is blank. Set it to the secret, or unset it.")
        return value.rstrip("\r\n")

    def read_parameter_name(self, key: Key) -> str:
        value = self.get(key.name)
        if not isinstance(value, str) or not re.fullmatch(r"[\w.-]+", value, re.ASCII):
            raise ConfigurationError(
                f"{key.name} must be the name of a job parameter (letters, digits, '_', '-' and"
                f" '.'), not {quote(value)}."
            )
        return value

    def read_path_prefix(self, key: Key) -> str:
        if not self.is_set(key):
            return str(key.default)
        return parse_path_prefix(key.name, self.get(key.name))

    def read_database_url(self, key: Key) -> str | bool | None:
        """Read ``True`` or a URL, which no message quotes: it may contain a password.

        :return: ``None``: there is no database.
        """
        if not self.is_set(key):
            return None
        value = self.get(key.name)
        if isinstance(value, str) and "://" in value:
            return value
        if (parsed := parse_flag(value)) is None:
            raise ConfigurationError(f"{key.name} must be true, false or the URL of a database.")
        return parsed or None

    def read_lakebase(self, key: Key) -> str | bool | None:
        """Read ``True``, or the name of an instance or an endpoint of Lakebase.

        :return: ``None``: none is used.
        """
        if not self.is_set(key):
            return None
        value = self.get(key.name)
        if str(value).strip().lower() in ("true", "false"):
            return self.read_bool(key) or None
        if isinstance(value, str) and re.fullmatch(LAKEBASE_NAME, value, re.ASCII):
            return value
        raise ConfigurationError(
            f"{key.name} must be true, the name of a database instance, or the name of an endpoint"
            f" (projects/…/branches/…/endpoints/…), not {quote(value)}."
        )

    def read_mapping(self, key: Key) -> Mapping[str, Any]:
        """Read a mapping; in the environment, as JSON."""
        if not self.is_set(key):
            return dict(key.default)
        value = self.get(key.name)
        if isinstance(value, str):
            if not value.lstrip().startswith("{"):  # such as a URL of Redis
                raise ConfigurationError(
                    f'{key.name} must be a mapping. As text, write JSON: {{"name": "value"}}.'
                )
            value = parse_json_setting(key.name, value)
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{key.name} must be a mapping, not {type(value).__name__}.")
        return value

    def read_cache_config(self, key: Key) -> Mapping[str, Any]:
        """Read a Flask-Caching configuration. Without a type, it would silently cache nothing."""
        value = self.read_mapping(key)
        if not value.get("CACHE_TYPE"):
            raise ConfigurationError(
                f"{key.name} must have a CACHE_TYPE, such as {key.default['CACHE_TYPE']!r}."
            )
        return value


def optional(
    read: Callable[[SettingsReader, Key], T],
) -> Callable[[SettingsReader, Key], T | None]:
    """Return a function that reads ``None`` where a setting is not set."""
    return lambda reader, key: read(reader, key) if reader.is_set(key) else None


def parse_flag(value: Any) -> bool | None:
    """Parse a flag; ``None`` if it is none."""
    return WORDS.get(str(value).strip().lower())


def parse_json_setting(name: str, text: str) -> Any:
    """Parse JSON, which no message quotes.

    :param name: the setting, for the message.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{name} is not JSON: {error.msg} at position {error.pos}."
        ) from None


def parse_seconds(name: str, value: Any, *, minimum: float | None = None) -> float:
    """Parse a number of seconds: above zero, or at least ``minimum``.

    :param name: the setting, for the message.
    """
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


def parse_path_prefix(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(/[\w.~-]+)+", value, re.ASCII):
        raise ConfigurationError(f"{name} must be a path such as '/jobs', not {quote(value)}.")
    return value
