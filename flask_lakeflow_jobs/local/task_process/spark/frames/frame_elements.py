"""Elements of arrays at places that are no constants, in the plans of frames.

Sail also takes ``getField('price')`` of an array of structs for one. It reads the field only in the
name of a column, such as ``items.price``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

from pyspark.sql.connect.proto import Expression

from ..language.connect_plans import ColumnSql, find_messages, list_inputs, make_frame
from ..language.sail_calls import find_element
from .frame_calls import FrameCalls, name_column
from .frame_joins import find_own

# A text that may have such an element, which takes less time than a parser.
_ELEMENT = re.compile(r"\[(?!\s*(?:\d+|'[^']*'|\"[^\"]*\")\s*\])|\)\s*\.\s*[`\w]")
#: Whether a request asks for a type. What it has was written for Sail before.
is_probe: ContextVar[bool] = ContextVar("is_probe", default=False)


def name_frame_elements(request: Any, session: Any, *, is_lenient: bool) -> None:
    """Write elements of arrays as calls of a function: see ``array_elements``."""
    if is_probe.get():
        return
    for relation in list(find_messages(request, "Relation")):
        elements = [each for each in find_own(relation, "Expression") if _has_element(each)]
        inputs = list(list_inputs(relation)) if elements else []
        if len(inputs) != 1:
            continue
        find_kind = partial(find_kind_in, session, inputs[0], {})
        columns = list(relation.project.expressions)
        for each in reversed(elements):  # the inner ones first
            is_column = any(each is column for column in columns)
            with suppress(Exception):  # the query itself says what is wrong with it
                _change(each, find_kind, is_column=is_column, is_lenient=is_lenient)


def _has_element(expression: Any) -> bool:
    if text := expression.expression_string.expression:
        return _ELEMENT.search(text) is not None
    element = expression.unresolved_extract_value
    place = element.extraction
    return element.HasField("extraction") and (
        not place.HasField("literal") or place.literal.HasField("string")
    )


def _change(
    expression: Any, find_kind: Callable[[Any], str], *, is_column: bool, is_lenient: bool
) -> None:
    if text := expression.expression_string.expression:
        from ..language.array_elements import correct_elements  # sqlglot takes long to import

        expression.expression_string.expression = correct_elements(
            text, find_kind, is_column=is_column, is_lenient=is_lenient
        )
        return
    element = expression.unresolved_extract_value
    if find_kind(element.child).startswith("array"):
        calls = FrameCalls()
        field = calls.read(element.extraction)
        if field:
            changed = calls.transform(element.child, partial(_read_field, element.extraction))
        else:
            changed = find_element(calls, element.child, element.extraction, is_lenient=is_lenient)
        if is_column:
            write = ColumnSql(None, lambda _: None).write_plan
            with suppress(NotImplementedError):  # Sail names the column
                name = f"{write(element.child)}.{field}" if field else write(expression)
                name_column(changed, name)
        expression.CopyFrom(changed)


def _read_field(field: Any, struct: Any) -> Any:
    written = Expression()
    written.unresolved_extract_value.child.CopyFrom(struct)
    written.unresolved_extract_value.extraction.CopyFrom(field)
    return written


def find_kind_in(session: Any, rows: Any, kinds: dict[bytes, str], value: Any) -> str:
    """Return the type of an expression of a relation, or of a text in SQL.

    :param kinds: those that are known, by their expressions.
    """
    if isinstance(value, str):
        value, text = Expression(), value
        value.expression_string.expression = text
    key = value.SerializeToString()
    if key in kinds:
        return kinds[key]
    probe = type(rows)()
    probe.project.input.CopyFrom(rows)
    probe.project.expressions.add().CopyFrom(value)
    token = is_probe.set(True)
    try:
        kind = make_frame(session, probe).schema.fields[0].dataType.simpleString()
    finally:
        is_probe.reset(token)
    kinds[key] = kind
    return str(kind)
