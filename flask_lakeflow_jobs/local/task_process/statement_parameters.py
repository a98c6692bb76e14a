"""The parameters of a statement, in their types. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from .sql_statements import replace_tokens

_DECIMAL = re.compile(r"(?:DECIMAL|DEC|NUMERIC)(?:\(\s*\d{1,2}\s*(?:,\s*(\d{1,2})\s*)?\))?$")
_DECIMALS = Context(prec=38)  # the digits of the largest DECIMAL; the default is 28


def read_parameters(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of parameters by name; see :func:`name_marks` for those without one.

    :raises ValueError: see :func:`convert_parameter`.
    """
    return {
        each.get("name") or _name_mark(each["ordinal"]): convert_parameter(each)
        for each in parameters
    }


def name_marks(statement: str) -> str:
    """Replace each ``?`` by the name of a parameter, and :`name` by a name without quotes."""
    numbers = itertools.count(1)

    def name(token: re.Match[str]) -> str:
        if token["mark"]:
            return f":{_name_mark(next(numbers))}"
        return f":{token['quoted']}" if token["quoted"] else token[0]

    return replace_tokens(statement, name)


def _name_mark(ordinal: int) -> str:
    """Return the name of a parameter that has a place only.

    :param ordinal: from 1.
    """
    return f"lakeflow_parameter_{ordinal}"


def convert_parameter(parameter: dict[str, Any]) -> Any:
    """Return the value of a parameter in its type.

    :param parameter: ``name`` or ``ordinal``, and ``value`` and ``type``, which are texts; without
        a value it is NULL.
    :raises ValueError: the type is unknown, or the value is not of it.
    """
    name, value = parameter.get("name") or parameter["ordinal"], parameter.get("value")
    kind = (parameter.get("type") or "STRING").strip().upper()
    convert = _find_conversion(kind)
    if convert is None:
        raise ValueError(
            f"The parameter {name!r} has the type {kind}, which is not known here. Use one of "
            f"{', '.join(_CONVERSIONS)} or DECIMAL."
        )
    if value is None:
        return None
    try:
        return convert(value)
    except (ValueError, ArithmeticError):
        raise ValueError(f"The parameter {name!r} is {value!r}, which is not a {kind}.") from None


def _find_conversion(kind: str) -> Callable[[str], Any] | None:
    if match := _DECIMAL.match(kind):
        scale = Decimal(1).scaleb(-int(match[1] or 0))
        return lambda text: _check_finite(Decimal(text)).quantize(scale, ROUND_HALF_UP, _DECIMALS)
    return _CONVERSIONS.get(re.sub(r"\(\d+\)$", "", kind))


def _check_finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError
    return number


def _to_integer(text: str) -> int:
    if "_" in text:
        raise ValueError
    return int(text)


def _to_boolean(text: str) -> bool:
    is_true = text.strip().lower() in ("true", "t", "yes", "y", "1")
    if not is_true and text.strip().lower() not in ("false", "f", "no", "n", "0"):
        raise ValueError
    return is_true


def _to_time(text: str) -> datetime:
    """Read a time; without a zone, it is in UTC, like the session."""
    time = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "VARCHAR": str,
    "CHAR": str,
    "BOOLEAN": _to_boolean,
    **dict.fromkeys(("BYTE", "TINYINT", "SHORT", "SMALLINT", "INT", "INTEGER"), _to_integer),
    **dict.fromkeys(("LONG", "BIGINT"), _to_integer),
    **dict.fromkeys(("FLOAT", "REAL", "DOUBLE"), float),
    "DATE": lambda text: date.fromisoformat(text.strip()),
    "TIMESTAMP": _to_time,
    "TIMESTAMP_NTZ": _to_time,
    "VOID": lambda text: None,
}
