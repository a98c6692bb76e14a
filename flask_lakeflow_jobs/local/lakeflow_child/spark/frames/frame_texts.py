"""Texts in calculations of frames: see ``text_numbers``. Only what Sail has refused is changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ..language.connect_plans import find_messages, list_inputs
from .frame_calls import FrameCalls, find_name, name_column
from .frame_elements import find_kind_in
from .frame_joins import find_own

#: The errors of Sail for calculations with texts.
REFUSED = re.compile(
    r"Cannot coerce arithmetic expression|Function 'avg' failed to match any signature"
    r"|No function matches the given name and argument types 'spark_(?:ceil|floor)\("
)
#: The number of operands, by the names of calculations and functions of numbers.
_OPERANDS = {
    **dict.fromkeys(("%", "*", "+", "-", "/", "div"), 2),
    **dict.fromkeys(("avg", "ceil", "ceiling", "floor", "mean"), 1),
}


def convert_frame_texts(request: Any, session: Any, *, is_lenient: bool) -> None:
    """Cast the texts in the calculations of a request; columns keep their names."""
    for relation in list(find_messages(request, "Relation")):
        inputs = list(list_inputs(relation))
        if len(inputs) != 1:
            continue
        find_kind = partial(find_kind_in, session, inputs[0], {})
        columns = [*relation.project.expressions, *relation.aggregate.aggregate_expressions]
        names = list(map(find_name, columns))
        for each in reversed(list(find_own(relation, "Expression"))):  # the inner ones first
            is_column = any(each is column for column in columns)
            with suppress(Exception):  # the query itself says what is wrong with it
                _convert(each, find_kind, is_column=is_column, is_lenient=is_lenient)
        for column, name in zip(columns, names, strict=True):
            if name and find_name(column) != name:
                name_column(column, name)


def _convert(
    expression: Any, find_kind: Callable[[Any], str], *, is_column: bool, is_lenient: bool
) -> None:
    from ...sql.text_numbers import choose_numbers, convert_in_text  # sqlglot is slow to import

    if text := expression.expression_string.expression:
        expression.expression_string.expression = convert_in_text(
            text, find_kind, is_column=is_column, is_lenient=is_lenient
        )
    call = expression.unresolved_function
    if len(call.arguments) == _OPERANDS.get(call.function_name):
        cast = FrameCalls().try_cast if is_lenient else FrameCalls().cast
        kinds = list(map(find_kind, call.arguments))
        numbers = choose_numbers(kinds, is_lenient=is_lenient)
        for each, number in zip(call.arguments, numbers, strict=True):
            if number is not None:
                each.CopyFrom(cast(each, number))
