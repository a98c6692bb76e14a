"""Quartz expressions: their fields, the next time that they name, and their words. Pure.

Times are those of a clock on the wall, without a time zone. :func:`parse_quartz` returns ``None``
for the rules of Quartz that are not implemented here, so that no page shows a wrong time.
Source: Quartz 2.3, CronTrigger tutorial and ``org.quartz.CronExpression``.
"""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

#: Quartz counts the days of the week from 1, which is Sunday.
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

FIRST_YEAR, LAST_YEAR = 1970, 2099
ALL_YEARS = range(FIRST_YEAR, LAST_YEAR + 1)

#: All months have these days. Beyond them Quartz moves to another month, or does not fire.
MAX_COMMON_DAY = 28

_ONE_SECOND = dt.timedelta(seconds=1)
_ONE_DAY = dt.timedelta(days=1)

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


@dataclass(frozen=True)
class MonthDay:
    """A day of each month that is not simply a number.

    :param kind: ``before_last``: ``number`` days before the last one; ``last_workday``;
        ``nearest_workday`` to the day ``number``; ``nth``: the ``number``-th ``weekday``;
        ``last``: the last ``weekday``.
    :param weekday: from 1, which is Sunday.
    """

    kind: str
    number: int = 0
    weekday: int = 0

    def is_on(self, day: dt.date) -> bool:
        last = monthrange(day.year, day.month)[1]
        if self.kind == "before_last":
            return day.day == last - self.number
        if self.kind == "last_workday":
            return day.day == _nearest_workday(day, last, last)
        if self.kind == "nearest_workday":
            return day.day == _nearest_workday(day, self.number, last)
        if weekday_of(day) != self.weekday:
            return False
        return day.day + 7 > last if self.kind == "last" else (day.day - 1) // 7 + 1 == self.number


@dataclass(frozen=True)
class Quartz:
    """A Quartz expression.

    :param days: of the month; ``None``: any.
    :param weekdays: from 1, which is Sunday; ``None``: any.
    :param month_day: instead of both.
    """

    seconds: Sequence[int]
    minutes: Sequence[int]
    hours: Sequence[int]
    months: Sequence[int]
    years: Sequence[int]
    days: Sequence[int] | None = None
    weekdays: Sequence[int] | None = None
    month_day: MonthDay | None = None

    def next_after(self, moment: dt.datetime) -> dt.datetime | None:
        """Return the first time after a moment; ``None`` if there is none.

        :param moment: without a time zone.
        """
        start = moment.replace(microsecond=0) + _ONE_SECOND
        day, earliest = start.date(), (start.hour, start.minute, start.second)
        while day.year <= LAST_YEAR:
            if self._is_on(day) and (time := self._first_time(earliest)):
                return dt.datetime.combine(day, time)
            day, earliest = day + _ONE_DAY, (0, 0, 0)
        return None

    def _is_on(self, day: dt.date) -> bool:
        if day.month not in self.months or day.year not in self.years:
            return False
        if self.month_day is not None:
            return self.month_day.is_on(day)
        if self.days is not None:
            return day.day in self.days
        return self.weekdays is None or weekday_of(day) in self.weekdays

    def _first_time(self, earliest: tuple[int, int, int]) -> dt.time | None:
        for hour in self.hours:
            for minute in self.minutes if hour >= earliest[0] else ():
                for second in self.seconds if (hour, minute) >= earliest[:2] else ():
                    if (hour, minute, second) >= earliest:
                        return dt.time(hour, minute, second)
        return None


#: The days, the weekdays and the special day of an expression, which has at most one of them.
_DayFields: TypeAlias = tuple[Sequence[int] | None, Sequence[int] | None, MonthDay | None]


def weekday_of(day: dt.date) -> int:
    """Return the day of the week, from 1, which is Sunday."""
    return day.isoweekday() % 7 + 1


def _nearest_workday(day: dt.date, number: int, last: int) -> int:
    """Return the workday of a month that is nearest to one of its days."""
    weekday = weekday_of(day.replace(day=number))
    if weekday == 7:
        return number + 2 if number == 1 else number - 1
    if weekday == 1:
        return number - 2 if number == last else number + 1
    return number


def parse_quartz(expression: str) -> Quartz | None:
    """Parse a Quartz expression.

    :return: ``None`` if it is invalid or has a rule that is not implemented here.
    """
    fields = expression.upper().split()
    if len(fields) not in (6, 7):
        return None
    second, minute, hour, day, month, weekday = fields[:6]
    if (day == "?") == (weekday == "?"):  # Quartz requires it in exactly one of them
        return None
    try:
        days, weekdays, month_day = _parse_days(day) if weekday == "?" else _parse_weekdays(weekday)
        return Quartz(
            seconds=_parse_list(second, 0, 59),
            minutes=_parse_list(minute, 0, 59),
            hours=_parse_list(hour, 0, 23),
            months=_parse_list(month, 1, 12, MONTHS),
            years=_parse_list(fields[6], FIRST_YEAR, LAST_YEAR) if len(fields) == 7 else ALL_YEARS,
            days=days,
            weekdays=weekdays,
            month_day=month_day,
        )
    except ValueError:
        return None


def _parse_days(text: str) -> _DayFields:
    if text == "LW":
        return None, None, MonthDay("last_workday")
    if found := re.fullmatch(r"L(?:-(\d{1,2}))?", text):
        return None, None, MonthDay("before_last", _common_day(found[1] or "0"))
    if found := re.fullmatch(r"(\d{1,2})W", text):
        return None, None, MonthDay("nearest_workday", _common_day(found[1]))
    return None if text == "*" else _parse_list(text, 1, 31), None, None


def _common_day(text: str) -> int:
    if int(text) >= MAX_COMMON_DAY:
        raise ValueError(text)
    return int(text)


def _parse_weekdays(text: str) -> _DayFields:
    def parse_day(name: str) -> int:
        return _parse_value(name, 1, 7, WEEKDAYS)

    if text == "L":
        return None, [7], None
    if found := re.fullmatch(r"(\w+)#([1-5])", text):
        return None, None, MonthDay("nth", int(found[2]), parse_day(found[1]))
    if found := re.fullmatch(r"([1-7]|[A-Z]{3})L", text):
        return None, None, MonthDay("last", 0, parse_day(found[1]))
    return None, None if text == "*" else _parse_list(text, 1, 7, WEEKDAYS), None


def _parse_list(text: str, low: int, high: int, names: Sequence[str] = ()) -> list[int]:
    """Parse a field that is a list of values, ranges and steps.

    :raises ValueError: it has something else.
    """
    found: set[int] = set()
    for item in text.split(","):
        found.update(_parse_item(item, low, high, lambda v: _parse_value(v, low, high, names)))
    return sorted(found)


def _parse_item(item: str, low: int, high: int, parse: Callable[[str], int]) -> Sequence[int]:
    span, slash, step_text = item.partition("/")
    step = _parse_value(step_text, 1, high) if slash else 1
    if span == "*":
        return range(low, high + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = parse(first_text)
    if not dash:
        return range(first, high + 1, step) if slash else [first]
    last, size = parse(last_text), high - low + 1
    if last < first and low == FIRST_YEAR:
        raise ValueError(item)
    # a range such as 22-2 or FRI-MON continues at the beginning
    end = last if last >= first else last + size
    return [low + (value - low) % size for value in range(first, end + 1, step)]


def _parse_value(text: str, low: int, high: int, names: Sequence[str] = ()) -> int:
    if text in names:
        return low + names.index(text)
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


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
