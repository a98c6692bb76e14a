"""Quartz expressions in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from .quartz import ALL_YEARS, MonthDay, Quartz

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ORDINALS = ("first", "second", "third", "fourth", "fifth")

#: Longer lists of times, days or months are not words.
MAX_LISTED = 4

MONDAY_TO_FRIDAY = [2, 3, 4, 5, 6]

EVERY_DAY = "every day"


def describe_quartz(quartz: Quartz) -> str | None:
    """Describe when an expression fires; ``None`` if that takes more than a few words."""
    days, times = _describe_days(quartz), _describe_times(quartz)
    if days is None or times is None or len(quartz.years) < len(ALL_YEARS):
        return None
    if times.startswith("at "):
        return f"{days} {times}"
    return times if days == EVERY_DAY else f"{days}, {times}"


def _describe_days(quartz: Quartz) -> str | None:
    all_months = len(quartz.months) == len(MONTH_NAMES)
    if not all_months and len(quartz.months) > MAX_LISTED:
        return None
    months = _join([MONTH_NAMES[month - 1] for month in quartz.months])
    of_month = "of every month" if all_months else f"of {months}"
    if quartz.month_day is not None:
        return f"on {_describe_month_day(quartz.month_day)} {of_month}"
    if quartz.days is not None:
        if len(quartz.days) > MAX_LISTED:
            return None
        noun = "day" if len(quartz.days) == 1 else "days"
        return f"on {noun} {_join(quartz.days)} {of_month}"
    weekdays = _describe_weekdays(quartz.weekdays)
    return weekdays if all_months else f"{weekdays} in {months}"


def _describe_weekdays(weekdays: Sequence[int] | None) -> str:
    if weekdays is None or len(weekdays) == len(WEEKDAY_NAMES):
        return EVERY_DAY
    if weekdays == MONDAY_TO_FRIDAY:
        return "Monday to Friday"
    return f"every {_join([WEEKDAY_NAMES[day - 1] for day in weekdays])}"


def _describe_month_day(day: MonthDay) -> str:
    if day.kind == "before_last":
        if day.number == 0:
            return "the last day"
        return f"the day {day.number} {'day' if day.number == 1 else 'days'} before the last"
    if day.kind == "last_workday":
        return "the last workday"
    if day.kind == "nearest_workday":
        return f"the workday nearest to day {day.number}"
    name = WEEKDAY_NAMES[day.weekday - 1]
    return f"the last {name}" if day.kind == "last" else f"the {ORDINALS[day.number - 1]} {name}"


def _describe_times(quartz: Quartz) -> str | None:
    hours, minutes, seconds = quartz.hours, quartz.minutes, quartz.seconds
    if len(hours) * len(minutes) * len(seconds) <= MAX_LISTED:
        return f"at {_join(_clock(*time) for time in product(hours, minutes, seconds))}"
    if len(seconds) > 1:
        return None
    is_hourly = len(minutes) == 1
    every = _step_of(hours, 24, "hour") if is_hourly else _step_of(minutes, 60, "minute")
    if every is None:
        return None
    if len(hours) == 24:
        return every + _describe_offset(minutes[0], seconds[0], is_hourly=is_hourly)
    first, last = (_clock(hours[at], minutes[at], seconds[0]) for at in (0, -1))
    if list(hours) == [*range(hours[0], hours[-1] + 1)]:
        return f"{every} from {first} to {last}"
    return f"{every} from {first}" if is_hourly else None


def _describe_offset(minute: int, second: int, *, is_hourly: bool) -> str:
    """Describe the first time in an hour, unless it is the hour's beginning."""
    parts = [f"minute {minute}"] if minute else []
    parts += [f"second {second}"] if second else []
    word = "at" if is_hourly or not minute else "from"
    return f" {word} {', '.join(parts)}" if parts else ""


def _step_of(values: Sequence[int], size: int, unit: str) -> str | None:
    """Describe the step between values; ``None`` if they have none.

    Hours without a gap may begin late and end early. All others must fill the day or the hour.
    """
    step = values[1] - values[0]
    if step == 1:
        is_even = list(values) == [*range(values[0], values[-1] + 1)]
        is_whole = unit == "hour" or len(values) == size
        return f"every {unit}" if is_even and is_whole else None
    is_even = size % step == 0 and list(values) == [*range(values[0] % step, size, step)]
    return f"every {step} {unit}s" if is_even else None


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _join(items: Iterable[object]) -> str:
    *rest, last = map(str, items)
    return f"{', '.join(rest)} and {last}" if rest else str(last)
