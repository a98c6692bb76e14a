"""Values in variants that frames read by a path, such as ``v:a.b``: see ``_read_paths``.

Only what Sail has refused is changed: it has read the variant as a text of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from ..language.connect_plans import find_messages, list_inputs
from .frame_elements import find_kind_in
from .frame_joins import find_own

#: The error of Sail for a variant that is read as a text.
REFUSED_VARIANT = re.compile(r"'json_as_text' at position 1, expected a string, got Struct")

_READ = re.compile(
    r'get_json_object\((?P<column>[^(),"]+), (?P<path>"\$[^"]*")\)(?P<cast>\s*::)?', re.DOTALL
)


def read_frame_variants(request: Any, session: Any) -> None:
    """Read values in the variants of a request."""
    for relation in list(find_messages(request, "Relation")):
        inputs = list(list_inputs(relation))
        if len(inputs) != 1:
            continue
        find_kind = partial(find_kind_in, session, inputs[0], {})
        casts = [each.expr.expression_string for each in find_own(relation, "Cast")]
        for each in find_own(relation, "ExpressionString"):
            each.expression = _read(each.expression, find_kind, is_cast=each in casts)


def _read(expression: str, find_kind: Callable[[Any], str], *, is_cast: bool) -> str:
    def write(match: re.Match[str]) -> str:
        column, path = match["column"], match["path"]
        if "variant" not in find_kind(column):
            return match[0]
        if is_cast or match["cast"]:  # Sail converts no text of a variant to a number
            return f"get_json_object(to_json({column}), {path}){match['cast'] or ''}"
        return f"variant_get({column}, {path})"

    return _READ.sub(write, expression)
