"""Texts that Sail has refused in frames: see ``text_casts``, and keys of maps: see ``map_keys``."""

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

#: The errors of Sail for texts beside numbers and booleans, and for keys of maps.
REFUSED = re.compile(
    r"is missing from the schema|comparison operation .*Boolean|types to compare Boolean"
    r"|Cannot coerce arithmetic expression|Function 'avg' failed to match any signature"
    r"|No function matches the given name and argument types 'spark_(?:ceil|floor)\("
)
#: The number of operands, by the names of calculations and functions of numbers.
_OPERANDS = {
    **dict.fromkeys(("%", "*", "+", "-", "/", "div"), 2),
    **dict.fromkeys(("avg", "ceil", "ceiling", "floor", "mean"), 1),
}
_COMPARISONS = ("<=>", "==", "in")


def convert_frame_texts(request: Any, session: Any, *, is_lenient: bool) -> None:
    """Cast the texts in a request, and read keys of maps; columns keep their names."""
    for relation in list(find_messages(request, "Relation")):
        inputs = list(list_inputs(relation))
        if len(inputs) != 1:
            continue
        find_kind = partial(find_kind_in, session, inputs[0], {})
        groups = relation.aggregate
        columns = [
            *relation.project.expressions,
            *groups.grouping_expressions,
            *groups.aggregate_expressions,
        ]
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
    # sqlglot is slow to import
    from ...sql.text_casts import choose_casts, convert_in_text
    from ..language.map_keys import find_map, read_keys_in_text

    if text := expression.expression_string.expression:
        text = read_keys_in_text(text, find_kind, is_column=is_column)
        expression.expression_string.expression = convert_in_text(
            text, find_kind, is_column=is_column, is_lenient=is_lenient
        )
    if name := expression.unresolved_attribute.unparsed_identifier:
        if (found := find_map(name, find_kind)) is not None:
            expression.expression_string.expression = found
        return
    call = expression.unresolved_function
    is_comparison = call.function_name in _COMPARISONS
    if is_comparison or len(call.arguments) == _OPERANDS.get(call.function_name):
        cast = FrameCalls().try_cast if is_lenient else FrameCalls().cast
        kinds = list(map(find_kind, call.arguments))
        casts = choose_casts(kinds, is_comparison=is_comparison, is_lenient=is_lenient)
        for each, kind in zip(call.arguments, casts, strict=True):
            if kind is not None:
                each.CopyFrom(cast(each, kind))
