"""Quartz expressions: their next time against a slow computation, and their words."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.runs.quartz import describe_quartz, parse_quartz

#: Each with a rule for the day that does not use the code under test: ``date.weekday`` counts from
#: Monday, which is 0; Quartz from Sunday, which is 1.
DAYS: dict[str, Callable[[dt.date], bool]] = {
    "* {} ?": lambda day: True,
    "? {} 1": lambda day: day.weekday() == 6,
    "? {} 7": lambda day: day.weekday() == 5,
    "? {} L": lambda day: day.weekday() == 5,
    "? {} MON-FRI": lambda day: day.weekday() < 5,
    "? {} FRI-MON": lambda day: day.weekday() in (4, 5, 6, 0),
    "? {} 2/2": lambda day: day.weekday() in (0, 2, 4),
    "? {} TUE,thu": lambda day: day.weekday() in (1, 3),
    "? {} 6#3": lambda day: day.weekday() == 4 and 15 <= day.day <= 21,
    "? {} SUN#5": lambda day: day.weekday() == 6 and day.day >= 29,
    "? {} 6L": lambda day: day.weekday() == 4 and day.day + 7 > length_of(day),
    "1,15 {} ?": lambda day: day.day in (1, 15),
    "10/10 {} ?": lambda day: day.day in (10, 20, 30),
    "30-2 {} ?": lambda day: day.day in (30, 31, 1, 2),
    "31 {} ?": lambda day: day.day == 31,
    "L {} ?": lambda day: day.day == length_of(day),
    "L-3 {} ?": lambda day: day.day == length_of(day) - 3,
    "LW {} ?": lambda day: day == max(workdays_of(day)),
    "1W {} ?": lambda day: day == min(workdays_of(day)),
    "15W {} ?": lambda day: (
        day == min(workdays_of(day), key=lambda each: (abs(each.day - 15), each.day))
    ),
}

#: Fields of the time of day and the values that they mean.
TIMES = {
    "0 0 0": ((0,), (0,), (0,)),
    "26 30 4": ((26,), (30,), (4,)),
    "0 0/20 22-2": ((0,), (0, 20, 40), (22, 23, 0, 1, 2)),
    "0 5,35 */8": ((0,), (5, 35), (0, 8, 16)),
    "30/20 59 23": ((30, 50), (59,), (23,)),
}

MONTHS = {"*": range(1, 13), "2": (2,), "JAN,JUL": (1, 7), "11-2": (11, 12, 1, 2), "3/6": (3, 9)}


def length_of(day: dt.date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def workdays_of(day: dt.date) -> list[dt.date]:
    days = [day.replace(day=number) for number in range(1, length_of(day) + 1)]
    return [each for each in days if each.weekday() < 5]


@given(
    days=st.sampled_from(sorted(DAYS)),
    times=st.sampled_from(sorted(TIMES)),
    months=st.sampled_from(sorted(MONTHS)),
    moment=st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2032, 1, 1)),
)
def test_next_after_equals_a_slow_search(
    days: str, times: str, months: str, moment: dt.datetime
) -> None:
    seconds, minutes, hours = TIMES[times]
    clock = sorted(dt.time(h, m, s) for h in hours for m in minutes for s in seconds)

    def times_from(day: dt.date) -> list[dt.datetime]:
        is_on = day.month in MONTHS[months] and DAYS[days](day)
        return [dt.datetime.combine(day, time) for time in clock] if is_on else []

    start = moment.date()
    search = (start + dt.timedelta(days=days_on) for days_on in range(366 * 30))
    expected = next((at for day in search for at in times_from(day) if at > moment), None)
    quartz = parse_quartz(f"{times} {days.format(months)}")
    assert quartz is not None
    assert quartz.next_after(moment) == expected


@pytest.mark.parametrize(
    "expression",
    [
        *("", "0 0 4 * *", "0 0 4 * * *", "0 0 4 ? * ?", "0 0 4 1 * 2", "0 0 24 * * ?"),
        *("60 0 4 * * ?", "0 0 4 0 * ?", "0 0 4 ? * 8", "0 0 4 ? * 0", "0 0 4 * 13 ?"),
        *("0 0/0 4 * * ?", "0 0 4 29W * ?", "0 0 4 L-28 * ?", "0 0 4 L,15 * ?", "0 0 4 ? * 2#6"),
        *("0 0 4 ? * 2#1,6L", "0 0 4 * * ? 1969", "0 0 4 * * ? 2030-2028", "0 0 4 ? * MONL-3"),
        *("0 0 ٤ * * ?", "0 -1 4 * * ?", "0 1- 4 * * ?", "0 a 4 * * ?", "0 0 4 * * ? * *"),
    ],
)
def test_parse_quartz_of_other_rules_is_none(expression: str) -> None:
    assert parse_quartz(expression) is None


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("0 0 4 29 2 ? 2027-2031", (2026, 1, 1), (2028, 2, 29, 4)),
        ("0 0 4 30 2 ?", (2026, 1, 1), None),
        ("0 0 4 * * ? 2020", (2026, 1, 1), None),
        ("* * * * * ?", (2026, 12, 31, 23, 59, 59, 999_999), (2027, 1, 1)),
    ],
)
def test_next_after_reaches_far_or_finds_none(
    expression: str, moment: tuple[int, ...], expected: tuple[int, ...] | None
) -> None:
    quartz = parse_quartz(expression)
    assert quartz is not None
    found = quartz.next_after(dt.datetime(*moment))  # type: ignore[arg-type]
    assert found == (dt.datetime(*expected) if expected else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 30 4 * * ?", "every day at 04:30"),
        ("26 30 4 * * ?", "every day at 04:30:26"),
        ("0 0 6,12,18 * * ?", "every day at 06:00, 12:00 and 18:00"),
        ("0 0 6 ? * MON-FRI", "Monday to Friday at 06:00"),
        ("0 0 6 ? * 2", "every Monday at 06:00"),
        ("0 0 6 ? * SAT,SUN", "every Sunday and Saturday at 06:00"),
        ("0 0 6 ? 1,7 2", "every Monday in January and July at 06:00"),
        ("0 0 6 1,15 * ?", "on days 1 and 15 of every month at 06:00"),
        ("0 0 6 1 1 ?", "on day 1 of January at 06:00"),
        ("0 0 6 L * ?", "on the last day of every month at 06:00"),
        ("0 0 6 L-2 * ?", "on the day 2 days before the last of every month at 06:00"),
        ("0 0 6 LW * ?", "on the last workday of every month at 06:00"),
        ("0 0 6 15W * ?", "on the workday nearest to day 15 of every month at 06:00"),
        ("0 0 6 ? * 6#3", "on the third Friday of every month at 06:00"),
        ("0 0 6 ? * 6L", "on the last Friday of every month at 06:00"),
        ("0 * * * * ?", "every minute"),
        ("0 0 * * * ?", "every hour"),
        ("34 15 * * * ?", "every hour at minute 15, second 34"),
        ("0 0/15 * * * ?", "every 15 minutes"),
        ("0 7/15 * * * ?", "every 15 minutes from minute 7"),
        ("0 0 0/4 * * ?", "every 4 hours from 00:00"),
        ("0 30 9-17 ? * MON-FRI", "Monday to Friday, every hour from 09:30 to 17:30"),
        ("0 0/15 9-17 * * ?", "every 15 minutes from 09:00 to 17:45"),
        ("0 0/7 * * * ?", None),
        ("0/5 * * * * ?", None),
        ("0 0 6 1-10 * ?", None),
        ("0 0 6 * 1-6 ?", None),
        ("0 0-29 * * * ?", None),
        ("0 0 8/2 * * ?", None),
        ("0 0/15 8,20 * * ?", None),
        ("0 0 6 * * ? 2027", None),
    ],
)
def test_describe_quartz_says_when_or_nothing(expression: str, words: str | None) -> None:
    quartz = parse_quartz(expression)
    assert quartz is not None
    assert describe_quartz(quartz) == words
