"""How the two sides of a condition may be compared."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

OF_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "EQUAL_TO": operator.eq,
    "NOT_EQUAL": operator.ne,
}
OF_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
OPERATORS = (*OF_TEXTS, *OF_NUMBERS)
