"""Queries that Sail refuses or answers with other rows, in a form that it runs rightly. Pure.

The rules change the tree that sqlglot has parsed, from the inner queries to the outer ones.
"""

from __future__ import annotations

from functools import partial

from sqlglot import exp

from ...sql.databricks_sql import Tree, name_paths, write_sql
from ...sql.query_scopes import Describe, find_kind, insert_aliases, list_aliases, list_selects
from ...sql.text_casts import convert_texts
from ..language.map_keys import read_keys
from ..language.sail_calls import check_path
from ..language.sql_corrections import NEVER
from .query_columns import expand_stars, parse_query, read_columns, replace_part, wrap_query
from .query_groups import number_groups

_KEPT = "lakeflow_qualifies"
_PLACE = "lakeflow_place"
_GENERATORS = (exp.Explode, exp.Inline, exp.Posexplode)
# Sail has them for whole numbers of one type, where they are NULL if the result is too large.
_TRIED: dict[type, type[exp.Binary]] = {
    exp.SafeAdd: exp.Add,
    exp.SafeMultiply: exp.Mul,
    exp.SafeSubtract: exp.Sub,
}


def rewrite_queries(tree: Tree, describe: Describe, *, is_lenient: bool = False) -> Tree:
    """Write the queries in a tree with what Sail takes.

    :param is_lenient: whether two texts are calculated as numbers.
    """
    tree = tree.transform(_rename_functions)
    for pivot in tree.find_all(exp.Pivot):
        _move_alias(pivot)
        for field in pivot.args.get("fields") or ():
            if isinstance(field, exp.In) and not isinstance(field.this, (exp.Paren, exp.Tuple)):
                field.set("this", exp.paren(field.this.copy()))
    for select in list_selects(tree):
        select.set("distribute", None)  # rows are in no parts
        if (cluster := select.args.pop("cluster", None)) is not None:
            select.set("sort", exp.Sort(expressions=cluster.expressions))
        _join_views(select)
        _read_paths(select, describe)
        _expand_aliases(select, describe)
        find = partial(find_kind, select, describe)
        read_keys(select, find)
        convert_texts(select, find, is_lenient=is_lenient)
        number_groups(select)
        expand_stars(select, describe)
        rewritten = _qualify(select)
        if rewritten is not None:
            tree = replace_part(tree, select, rewritten)
            expand_stars(rewritten, describe)
    return tree


def replace_unpivots(tree: Tree) -> Tree:
    """Write each ``UNPIVOT`` as a query: Sail keeps the rows of NULL, and drops the names.

    :raises NotImplementedError: one has several values.
    """
    for pivot in reversed(list(tree.find_all(exp.Pivot))):  # the inner ones first
        if pivot.args.get("unpivot") and (source := pivot.parent) is not None:
            tree = replace_part(tree, source, _unpivot(pivot, source.copy()))
    return tree


def _unpivot(pivot: exp.Pivot, source: Tree) -> Tree:
    (field,), (value,) = pivot.args["fields"], pivot.expressions
    if isinstance(value, exp.Tuple):
        raise NotImplementedError(
            "Sail has no UNPIVOT of several values. Write a SELECT for each name, with UNION ALL."
        )
    columns = [
        each.this if isinstance(each, exp.PivotAlias) else each for each in field.expressions
    ]
    names = [each.alias_or_name for each in field.expressions]
    alias = pivot.args.get("alias") or (source.args.get("alias") if source.alias else None)
    source.set("pivots", None)
    listed, kept = ", ".join(map(write_sql, columns)), write_sql(value)
    texts = ", ".join(write_sql(exp.Literal.string(each)) for each in names)
    query = (
        f"SELECT * EXCEPT ({listed}, {_PLACE}, {kept}),"
        f" get(array({texts}), {_PLACE}) AS {write_sql(field.this)}, {kept}"
        f" FROM {write_sql(source)}"
        f" LATERAL VIEW posexplode(array({listed})) lakeflow_values AS {_PLACE}, {kept}"
    )
    if not pivot.args.get("include_nulls"):
        query += f" WHERE {kept} IS NOT NULL"
    return exp.Subquery(this=parse_query(query), alias=alias and alias.copy())


def _move_alias(pivot: exp.Pivot) -> None:
    """Name the rows of a ``PIVOT`` like its source: Sail takes no name before it."""
    if (source := pivot.parent) is None:
        return
    alias = source.args.get("alias")
    if alias is None or alias.columns:
        return
    source.set("alias", None)
    if pivot.args.get("alias") is None:
        pivot.set("alias", alias)
    for column in pivot.find_all(exp.Column):
        if column.table.lower() == alias.name.lower():
            column.set("table", None)


def _rename_functions(node: Tree) -> Tree:
    if isinstance(node, exp.If):
        node.meta.pop("name", None)  # it may be IFF
    if isinstance(node, exp.DecodeCase):
        value, *pairs = node.expressions
        tests = [
            exp.If(this=exp.NullSafeEQ(this=value.copy(), expression=key), true=result)
            for key, result in zip(pairs[::2], pairs[1::2], strict=False)
        ]
        return exp.Case(ifs=tests, default=pairs[-1] if len(pairs) % 2 else None)
    if operator := _TRIED.get(type(node)):
        operands = {name: exp.paren(node.args[name]) for name in ("this", "expression")}
        return exp.paren(operator(**operands))
    if isinstance(node, (exp.Like, exp.ILike)) and isinstance(node.expression, (exp.All, exp.Any)):
        return _match_each(node)
    return node


def _match_each(like: exp.Like | exp.ILike) -> Tree:
    """Write ``LIKE ANY (…)`` and ``LIKE ALL (…)`` with a test of each pattern."""
    quantified = like.expression
    patterns = quantified.this.unnest()
    tests: list[Tree] = []
    for pattern in patterns.expressions if isinstance(patterns, exp.Tuple) else [patterns]:
        test = like.copy()
        test.set("expression", pattern.copy())
        tests.append(test)
    return exp.paren(exp.or_(*tests) if isinstance(quantified, exp.Any) else exp.and_(*tests))


def _qualify(select: exp.Select) -> exp.Select | None:
    """Filter by window functions in an outer query; return ``None`` if the query does not."""
    qualify = select.args.get("qualify")
    if qualify is None:
        return None
    condition = insert_aliases(qualify.this, list_aliases(select), in_aggregates=True)
    inner = select.copy()
    inner.set("qualify", None)
    inner.append("expressions", exp.alias_(condition, _KEPT))
    outer = wrap_query(inner, "qualified", [_KEPT])
    outer.set("where", exp.Where(this=exp.column(_KEPT)))
    return outer


def _expand_aliases(select: exp.Select, describe: Describe) -> None:
    """Replace an alias that a later column uses by its expression, unless a column has its name."""
    aliases: dict[str, Tree] = {}
    columns: set[str] | None = None
    for each in select.expressions:
        used = [
            column
            for column in each.find_all(exp.Column)
            if not column.table
            and column.name.lower() in aliases
            and column.find_ancestor(exp.Select) is select
        ]
        if used and columns is None:
            columns = {name.lower() for name in read_columns(select, describe)}
        for column in used:
            if columns is not None and column.name.lower() not in columns:
                column.replace(exp.paren(aliases[column.name.lower()].copy()))
        if isinstance(each, exp.Alias):
            aliases[each.alias.lower()] = each.this


def _read_paths(select: exp.Select, describe: Describe) -> None:
    """Read ``column:path`` by a function, which differs for texts and for variants."""
    for path in select.find_all(exp.JSONExtract):
        while isinstance(inner := path.this, exp.JSONExtract):  # v:a:b is v:a.b
            _, *keys = path.expression.expressions
            path.expression.set("expressions", [*inner.expression.expressions, *keys])
            path.set("this", inner.this)
    name_paths(select)
    columns: dict[str, str] | None = None
    for path in list(select.find_all(exp.JSONExtract)):
        if not path.args.get("variant_extract") or path.find_ancestor(exp.Select) is not select:
            continue
        if columns is None:
            columns = {
                name.lower(): kind.lower() for name, kind in read_columns(select, describe).items()
            }
        written = path.expression.sql("spark")[1:-1].replace("\\'", "'")
        check_path(written)
        text = exp.Literal.string(written)
        root = path.this
        kind = columns.get(root.name.lower(), "") if isinstance(root, exp.Column) else ""
        is_variant = isinstance(root, exp.ParseJSON) or "variant" in kind or "metadata:" in kind
        if not is_variant:
            path.replace(exp.Anonymous(this="get_json_object", expressions=[root.copy(), text]))
            continue
        cast = path.parent if isinstance(path.parent, exp.Cast) else None
        (cast or path).replace(_read_variant(root, text, cast))


def _read_variant(root: Tree, path: Tree, cast: exp.Cast | None) -> Tree:
    """Return a part of a variant. Sail converts no text to a number, and only a text to a text."""

    def call(name: str, *arguments: Tree) -> Tree:
        return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])

    value = call("variant_get", root, path)
    if cast is None:
        return value
    json = call("nullif", call("to_json", value), exp.Literal.string("null"))
    text = call("variant_get", root, path, exp.Literal.string("string"))
    kind = exp.Literal.string(write_sql(cast.to).lower())
    if cast.is_type(*exp.DataType.TEXT_TYPES):
        return call("coalesce", text, json)
    if cast.is_type(*exp.DataType.NESTED_TYPES):
        return call("from_json", json, kind)
    converted = type(cast)(this=text, to=cast.to.copy())
    return call("coalesce", call("variant_get", root, path, kind), converted)


def name_dates(select: exp.Select) -> None:
    """Name a column that is cast to a date as Spark does: ``sql_corrections`` writes two casts."""
    for each in list(select.expressions):
        if type(each) is exp.Cast and each.is_type("date") and isinstance(each.this, exp.Column):
            each.replace(exp.alias_(each.copy(), each.this.name, quoted=True))


def filter_laterals(select: exp.Select) -> None:
    """Leave out the rows of empty arrays, which Sail keeps in a join with ``LATERAL explode(…)``.

    :raises NotImplementedError: an array and its elements have one name.
    """
    for join in select.args.get("joins") or ():
        lateral = join.this
        if join.args.get("side") or not isinstance(lateral, exp.Lateral):
            continue
        if type(lateral.this) not in _GENERATORS:
            continue
        join.set("kind", "CROSS")
        join.set("on", None)  # it is TRUE
        if lateral.args.get("outer"):
            lateral.set("outer", None)
            continue
        array = lateral.this.this
        names = {each.name.lower() for each in lateral.args["alias"].columns}
        if any(
            not each.table and each.name.lower() in names for each in array.find_all(exp.Column)
        ):
            raise NotImplementedError(
                "Sail keeps the rows of empty arrays here. Give the elements another name than "
                f"that of their array: LATERAL explode({array.name}) AS t(x)."
            )
        size = exp.Anonymous(this="size", expressions=[array.copy()])
        select.where(exp.GT(this=size, expression=exp.Literal.number(0)), copy=False)


def hold_filters(tree: Tree) -> None:
    """Let no condition move into the scan of a table, where Sail has no functions of elements.

    Those that join tables may move, and those with a query, which Sail joins too. A filter of the
    rows of a view stays above its limit.
    """
    for select in tree.find_all(exp.Select):
        if (where := select.args.get("where")) is None:
            continue
        conditions = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
        for each in list(conditions):
            is_join = isinstance(each, exp.EQ) and all(
                isinstance(side, exp.Column) for side in (each.this, each.expression)
            )
            if not is_join and each.find(exp.Query) is None:
                each.replace(exp.paren(exp.or_(each.copy(), parse_query(NEVER))))
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        query = tree.expression
        if isinstance(query, exp.Query) and query.args.get("limit") is None:
            query.limit(2**31 - 1, copy=False)


def _join_views(select: exp.Select) -> None:
    """Write ``LATERAL VIEW`` before a ``WHERE`` as a join: Sail filters the rows before it."""
    views = select.args.get("laterals")
    if not views or not select.args.get("where"):
        return
    for number, view in enumerate(views):
        view.set("view", None)
        if not view.args["alias"].this:
            view.args["alias"].set("this", exp.to_identifier(f"lateral_{number}"))
        select.append("joins", exp.Join(this=view, kind="CROSS"))
    select.set("laterals", None)
    filter_laterals(select)


def refuse_queries(tree: Tree) -> None:
    """Refuse natural joins, after which ``u.*`` lacks the keys on Sail.

    :raises NotImplementedError: there is one.
    """
    if any(each.method.upper() == "NATURAL" for each in tree.find_all(exp.Join)):
        raise NotImplementedError(
            "Sail has other columns for NATURAL JOIN than Databricks. Name the keys: JOIN … USING "
            "(…)."
        )
