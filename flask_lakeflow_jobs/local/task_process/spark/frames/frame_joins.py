"""The keys of joins of frames by a name: on Sail, ``u.*`` lacks them and ``u.id`` is unknown.

Right above the join, Sail knows the key of a side by the number of its plan. It knows the merged
key by its name, alone or with the number of the join. Requests are changed to name the keys so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from ...sql_syntax import unquote_part
from ..language.connect_plans import find_messages, list_inputs, list_messages, make_frame
from ..language.sql_names import quote_part

_STAR = re.compile(r"\s*(\w+)\.\*\s*")
_STAR_EXCEPT = re.compile(r"\s*\*\s*EXCEPT\s*\(([^()]*)\)\s*", re.IGNORECASE)
_COLUMN = re.compile(r"\s*(\w+)\.(\w+)\s*")
#: Nodes through which the number of a plan is still known.
_TRANSPARENT = ("deduplicate", "filter", "hint", "limit", "sort")
#: Nodes with columns of their own.
_OPAQUE = ("aggregate", "project", "set_op", "to_df", "unpivot")
_OUTER = {
    "left": ("JOIN_TYPE_FULL_OUTER", "JOIN_TYPE_RIGHT_OUTER"),
    "right": ("JOIN_TYPE_FULL_OUTER", "JOIN_TYPE_LEFT_OUTER"),
}


class Side:
    """A side of joins, which is known by its alias, or by the number of its plan.

    :param relation: with the alias.
    """

    def __init__(self, relation: Any) -> None:
        self.relation = relation
        # in lower case, as all requests have it
        self.alias = relation.subquery_alias.alias or "frame"
        #: The number of the uppermost join by each key.
        self.keys: dict[str, int] = {}
        self._is_kept = True
        self._is_merged = True
        self._is_near = True

    def join(self, relation: Any, side: str) -> None:
        """Note a join above."""
        join = relation.join
        keys = {each.lower(): relation.common.plan_id for each in join.using_columns}
        if keys:
            kind = join.JoinType.Name(join.join_type)
            self._is_kept = self._is_kept and kind not in _OUTER[side]
            is_other = side == "right" and kind == "JOIN_TYPE_INNER"
            self._is_merged = self._is_merged and self._is_kept and not is_other
        self.move(is_near=bool(keys) and not self.keys)
        self.keys |= keys

    def move(self, *, is_near: bool) -> None:
        """Note a node above."""
        self._is_near = self._is_near and (is_near or not self.keys)

    def point(self, attribute: Any, name: str) -> None:
        """Let an attribute be the column of a name of this side."""
        if name.lower() not in self.keys:
            attribute.unparsed_identifier = f"{self.alias}.{quote_part(name)}"
        elif self._is_near:
            attribute.unparsed_identifier = quote_part(name)
            attribute.plan_id = self.relation.common.plan_id
        else:
            attribute.unparsed_identifier = self.write(name)
            attribute.plan_id = self.keys[name.lower()]

    def move_up(self, attribute: Any, *, is_dropped: bool) -> None:
        """Let an attribute of this side's plan be the merged key, where Sail does not find it.

        :param is_dropped: the merged key has to be that of this side, not only to equal it.
        """
        name = attribute.unparsed_identifier
        if (key := name.strip("`")).lower() not in self.keys:
            return
        if is_dropped and self._is_merged:
            attribute.plan_id = self.keys[key.lower()]
        elif not is_dropped and not self._is_near:
            self.write(key)
            attribute.plan_id = self.keys[key.lower()]

    def write(self, name: str) -> str:
        """Return the name in SQL of a key.

        :raises NotImplementedError: it is not the key of the join, which may have other rows.
        """
        if self._is_kept:
            return quote_part(name)
        raise NotImplementedError(
            f"Sail has no {self.alias}.{name} after an outer join by the name {name!r}. Join by a "
            f"condition, such as F.col('a.{name}') == F.col('{self.alias}.{name}')."
        )


def expand_frame_stars(request: Any, session: Any) -> None:
    """Name the columns of ``frame['*']`` and of ``* EXCEPT (…)``, which Sail does not know."""
    relations = list(find_messages(request, "Relation"))
    frames = {each.common.plan_id: each for each in relations}  # a frame may be there twice

    def expand(rows: Any, expression: Any) -> list[Any]:
        star, excluded = expression.unresolved_star, set()
        if match := _STAR_EXCEPT.fullmatch(expression.expression_string.expression):
            excluded = {unquote_part(each.strip()).lower() for each in match[1].split(",")}
        elif star.HasField("plan_id"):
            rows = frames[star.plan_id]
        else:
            return [expression]
        columns = []
        for name in make_frame(session, rows).columns:
            if name.lower() not in excluded:
                columns.append(column := type(expression)())
                column.unresolved_attribute.unparsed_identifier = quote_part(name)
                if star.HasField("plan_id"):
                    column.unresolved_attribute.plan_id = star.plan_id
        return columns

    for relation in relations:
        if relation.HasField("project"):
            _expand_each(relation.project, partial(expand, relation.project.input))


def name_frame_keys(request: Any, session: Any) -> None:
    """Change the names of keys in a request."""
    relations = list(find_messages(request, "Relation"))
    if not any(each.join.using_columns for each in relations):
        return
    for relation in relations:
        kind = relation.WhichOneof("rel_type")
        sides: dict[str | int, Side] = {}
        for each in list_inputs(relation) if kind not in ("set_op", "subquery_alias") else ():
            sides |= {key: side for key, side in _find_sides(each).items() if side.keys}
        for side in sides.values() if kind in ("join", "with_columns") else ():
            side.move(is_near=False)
        if sides:
            _change(relation, sides, session)


def _find_sides(relation: Any) -> dict[str | int, Side]:
    """Return the sides that a node passes on, by their aliases and the numbers of their plans."""
    kind = relation.WhichOneof("rel_type")
    if kind == "subquery_alias":
        return {relation.subquery_alias.alias: Side(relation)}
    if kind in _OPAQUE:
        return {}
    if kind == "join":
        return _join_sides(relation)
    found: dict[str | int, Side] = {}
    for each in list_inputs(relation):
        found |= _find_sides(each)
    for side in found.values():
        side.move(is_near=kind in _TRANSPARENT)
    return found


def _join_sides(relation: Any) -> dict[str | int, Side]:
    join = relation.join
    kind = join.JoinType.Name(join.join_type)
    found: dict[str | int, Side] = {}
    for name in ("left",) if "SEMI" in kind or "ANTI" in kind else ("left", "right"):
        own = getattr(join, name)
        sides: dict[str | int, Side] = {each: Side(own) for each in _list_plans(own)}
        sides |= _find_sides(own)
        for key, side in sides.items():
            side.join(relation, name)
            found[key] = side
    return found


def _list_plans(relation: Any) -> Iterator[int]:
    """Yield the numbers of the plans that have the columns of a relation."""
    yield relation.common.plan_id
    if relation.WhichOneof("rel_type") in _TRANSPARENT:
        for each in list_inputs(relation):
            yield from _list_plans(each)


def _change(relation: Any, sides: dict[str | int, Side], session: Any) -> None:
    if relation.HasField("project"):
        _expand_each(relation.project, lambda each: _expand(each, sides, session))
    for expression in find_own(relation, "Expression"):
        kind = expression.WhichOneof("expr_type")
        text = expression.expression_string.expression
        if kind == "expression_string" and (match := _COLUMN.fullmatch(text)):
            if match[1].lower() in sides:
                sides[match[1].lower()].point(expression.unresolved_attribute, match[2])
        elif kind == "expression_string":
            expression.expression_string.expression = _replace(text, sides)
        elif kind == "unresolved_attribute":
            attribute = expression.unresolved_attribute
            match = _COLUMN.fullmatch(attribute.unparsed_identifier)
            side = sides.get(match[1].lower()) if match else None
            if match and side is not None and not attribute.HasField("plan_id"):
                side.point(attribute, match[2])
            elif (plan := sides.get(attribute.plan_id)) is not None:
                plan.move_up(attribute, is_dropped=relation.HasField("drop"))


def _expand_each(project: Any, expand: Callable[[Any], Iterable[Any]]) -> None:
    expressions = [column for each in project.expressions for column in expand(each)]
    del project.expressions[:]
    project.expressions.extend(expressions)


def _expand(expression: Any, sides: dict[str | int, Side], session: Any) -> list[Any]:
    """Return the columns in place of ``u.*``."""
    text = expression.unresolved_star.unparsed_target or expression.expression_string.expression
    match = _STAR.fullmatch(text)
    side = sides.get(match[1].lower()) if match else None
    if side is None:
        return [expression]
    columns = []
    for name in make_frame(session, side.relation).columns:
        columns.append(type(expression)())
        side.point(columns[-1].unresolved_attribute, name)
    return columns


def _replace(text: str, sides: dict[str | int, Side]) -> str:
    """Return an expression with the names of keys alone."""
    aliases = "|".join(re.escape(each) for each in sides if isinstance(each, str)) or "(?!)"
    pattern = rf"'(?:[^'\\]|\\.)*'|(?<![\w.`])({aliases})\.(\w+)\b(?!\s*[.(])"

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        alias, name = match[1].lower(), match[2]
        is_key = alias in sides and name.lower() in sides[alias].keys
        return sides[alias].write(name) if is_key else match[0]

    return re.sub(pattern, replace, text, flags=re.IGNORECASE)


def find_own(message: Any, name: str) -> Iterator[Any]:
    """Yield the messages of a type below a node, without those of the nodes that it reads."""
    for each in list_messages(message):
        if each.DESCRIPTOR.name != "Relation":
            if each.DESCRIPTOR.name == name:
                yield each
            yield from find_own(each, name)
