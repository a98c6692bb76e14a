"""Rules for messages about ends: ``LAKEFLOW_JOBS_NOTIFY`` and a job's ``notify``."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..errors import ConfigurationError, quote
from ..runs.outcome import ACTIVE_OUTCOMES, SUCCESSES, Outcome
from .readers import Parser, parse_json_setting

#: The outcomes of ended runs.
END_OUTCOMES = frozenset(Outcome) - set(ACTIVE_OUTCOMES.values())

#: What ``outcomes`` may be besides a list.
OUTCOME_GROUPS: Mapping[str, frozenset[Outcome]] = {
    "all": END_OUTCOMES,
    "failures": END_OUTCOMES - SUCCESSES,
}

#: What a template may contain, in braces.
TEMPLATE_FIELDS = ("job", "run_id", "outcome", "requested_by", "duration", "error", "url")

#: A URL of Apprise: its scheme names the service.
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,30})://\S+", re.IGNORECASE | re.ASCII)

NotifySetting: TypeAlias = "str | Sequence[str] | Mapping[str, Any] | bool | None"


@dataclass(frozen=True)
class NotifyUrl:
    """A URL of Apprise, which usually contains a secret."""

    text: str = field(repr=False)

    @property
    def scheme(self) -> str:
        """The service, such as ``slack``."""
        return self.text.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """A name that is the same in every process and does not reveal the URL."""
        return f"{self.scheme}:{hashlib.sha256(self.text.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class NotifyRule:
    """The URLs that get messages about some outcomes, and the text.

    :param template: ``None``: the usual text.
    :param base_url: the address of the app, for links to the console.
    """

    urls: tuple[NotifyUrl, ...] = ()
    outcomes: frozenset[Outcome] = END_OUTCOMES
    template: str | None = None
    base_url: str | None = None


NO_RULE = NotifyRule()


def parse_notify(
    name: str, value: NotifySetting | NotifyRule, default: NotifyRule = NO_RULE
) -> NotifyRule:
    """Parse a setting: a URL, a list of URLs, or a mapping. No message quotes a URL.

    :param name: the setting, for messages.
    :param value: a rule is returned as it is.
    :param default: the rule that a mapping overrides, and that ``None`` and ``True`` stand for.
    :raises ConfigurationError: it is invalid.
    """
    if isinstance(value, NotifyRule):
        return value
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        value = parse_json_setting(name, value)
    if value is True and not default.urls:
        raise ConfigurationError(
            f"{name} is True, but no URL is set. Set a URL of Apprise, such as 'slack://…', or"
            " unset it."
        )
    if value is None or value is True:
        return default
    if not isinstance(value, Mapping):
        return replace(default, urls=() if value is False else _parse_urls(name, value))
    unknown = sorted(str(key) for key in value if key not in _PARSERS)
    if unknown:
        raise ConfigurationError(
            f"{name} has no setting {', '.join(map(repr, unknown))}. Its settings are"
            f" {', '.join(_PARSERS)}."
        )
    given = {key: each for key, each in value.items() if each is not None}
    parsed = {key: _PARSERS[key](f"{name}.{key}", each) for key, each in given.items()}
    return replace(default, **parsed)


def _parse_urls(name: str, value: Any) -> tuple[NotifyUrl, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence):
        raise ConfigurationError(
            f"{name} must be a URL, a list of URLs or a mapping, not {type(value).__name__}."
        )
    return tuple(dict.fromkeys(_check_urls(name, values)))


def _check_urls(name: str, values: Sequence[Any]) -> Iterator[NotifyUrl]:
    for number, value in enumerate(values, 1):
        text = value.strip() if isinstance(value, str) else ""
        if not _URL.fullmatch(text):
            raise ConfigurationError(
                f"{describe_url(name, number, len(values))} is not a URL of Apprise, such as"
                " 'slack://…'."
            )
        yield NotifyUrl(text)


def describe_url(name: str, number: int, count: int) -> str:
    """Name a URL of a setting in a message without quoting it."""
    return name if count == 1 else f"{name}: URL {number} of {count}"


def _parse_outcomes(name: str, value: Any) -> frozenset[Outcome]:
    if isinstance(value, str) and value in OUTCOME_GROUPS:
        return OUTCOME_GROUPS[value]
    values = [value] if isinstance(value, str) else value
    ends = {outcome.value: outcome for outcome in END_OUTCOMES}
    are_known = isinstance(values, Sequence) and all(
        isinstance(each, str) and each in ends for each in values
    )
    if not are_known or not values:
        raise ConfigurationError(
            f"{name} must be 'all', 'failures' or a list of outcomes of ended runs"
            f" ({', '.join(sorted(ends))}), not {quote(value)}."
        )
    return frozenset(ends[each] for each in values)


def _parse_template(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be text, not {type(value).__name__}.")
    try:
        names = [part[1:] for part in string.Formatter().parse(value) if part[1] is not None]
    except ValueError as error:
        raise ConfigurationError(f"{name} is not a template: {error}.") from None
    # no attributes, items or conversions: a template must not reach into objects
    if any(field not in TEMPLATE_FIELDS or spec or conversion for field, spec, conversion in names):
        raise ConfigurationError(
            f"{name} may contain {', '.join(f'{{{field}}}' for field in TEMPLATE_FIELDS)} and no"
            " other braces."
        )
    return value


def _parse_base_url(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ConfigurationError(
            f"{name} must be the address of the app, such as 'https://portal.example.com'."
        )
    return value.rstrip("/")


_PARSERS: Mapping[str, Parser[Any]] = {
    "urls": _parse_urls,
    "outcomes": _parse_outcomes,
    "template": _parse_template,
    "base_url": _parse_base_url,
}
