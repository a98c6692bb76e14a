"""Statements that create or change tables and that Sail refuses, in a form that it takes. Pure."""

# names are quoted, and expressions are the user's own
from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from ...sql.databricks_sql import Tree, delete_rows, drop_key, insert_partition, write_sql
from ...sql.query_scopes import Describe
from ...sql.sql_expansion import name_merged_columns
from ..language.sql_names import quote_part
from ..tables.delta_log import FEATURE
from .query_columns import parse_query, write_name

_SOURCE, _TARGET = "lakeflow_source", "lakeflow_target"


def rewrite_statement(
    tree: Tree, describe: Describe, find_filled: Callable[[str], set[str]] = lambda _: set()
) -> Tree:
    """Return a statement that Sail takes, and that does the same; or the statement itself.

    :param find_filled: returns the columns of a table that have values of their own, in lower case.
    """
    if isinstance(tree, exp.Create) and tree.kind in ("TABLE", "VIEW"):
        return _create_table(tree)
    if isinstance(tree, exp.TruncateTable):
        return delete_rows(tree)
    if isinstance(tree, exp.Delete):
        return _delete(tree, describe)
    if isinstance(tree, exp.Insert):
        whole = insert_partition(tree, lambda table: describe(f"SELECT * FROM {write_sql(table)}"))
        return _insert(whole, describe, find_filled)
    if isinstance(tree, exp.Merge):
        _name_source(tree.args["using"])
        _cast_changes(tree, describe)
        names = tree.args.get("with_")
        return tree if names is None else _merge(tree, names)
    return tree


def _create_table(create: exp.Create) -> Tree:
    """Leave out keys, features and the layout of files, and copy another table by a query."""
    properties = create.args.get("properties")
    source = None
    for each in list(properties.expressions) if properties is not None else ():
        if isinstance(each, exp.LikeProperty):
            source = each.this
        is_comment = isinstance(each, exp.SchemaCommentProperty) and create.expression is not None
        is_layout = isinstance(each, (exp.ClusterProperty, exp.LikeProperty))
        if is_comment or is_layout or is_feature(each):
            each.pop()
    if source is not None:
        query = exp.select("*").from_(source.copy()).where(exp.false())
        create.set("expression", query)
    return create.transform(drop_key, copy=False) or create


def is_feature(node: Tree) -> bool:
    """Return whether a property chooses a feature of Delta tables that Sail lacks."""
    if type(node) is not exp.Property:  # one of another kind, such as TEMPORARY, has no name
        return False
    return FEATURE.fullmatch(node.name or node.this.sql("databricks")) is not None


def _delete(delete: exp.Delete, describe: Describe) -> Tree:
    """Delete by a MERGE, where Sail takes functions such as ``current_date`` and ``coalesce``.

    It takes no subquery in either, so the rows that one chooses are the source of the MERGE.
    """
    where = delete.args.get("where")
    if where is None:
        return delete
    table, name = write_sql(delete.this), write_name(delete.this)
    target, rows, same = table, "SELECT 1", write_sql(where.this)
    if where.find(exp.Query) is not None:
        target, rows = f"{name} AS {_TARGET}", f"SELECT DISTINCT * FROM {table} {write_sql(where)}"
        columns = [*map(quote_part, describe(f"SELECT * FROM {name}"))]
        same = " AND ".join(f"{_TARGET}.{each} <=> {_SOURCE}.{each}" for each in columns)
    tree: Tree = parse_query(
        f"MERGE INTO {target} USING ({rows}) AS {_SOURCE} ON {same} WHEN MATCHED THEN DELETE"
    )
    return tree


def _insert(insert: exp.Insert, describe: Describe, find_filled: Callable[[str], set[str]]) -> Tree:
    """Give NULL to the columns that an INSERT does not name, and names to its values.

    Sail takes no two values of one name, such as NULL and NULL, and no WITH before the INSERT.
    """
    target, source = insert.this, insert.expression
    is_part = insert.args.get("partition") or insert.args.get("where")
    if is_part or not isinstance(source, (exp.Query, exp.Values)):
        return insert
    has_names = isinstance(target, exp.Schema)
    table = target.this if has_names else target
    kinds = describe(f"SELECT * FROM {write_sql(table)}")
    named = [each.name for each in target.expressions] if has_names else list(kinds)
    known = {name.lower() for name in named}
    if has_names:
        known |= find_filled(write_sql(table))
    missing = {name: kind for name, kind in kinds.items() if name.lower() not in known}
    if (queries := insert.args.get("with_")) is not None:
        source.set("with_", queries.copy())
        insert.set("with_", None)
    if isinstance(source, exp.Values):
        _cast_values(source, named, kinds)
    if not missing and not _may_repeat(source, named):
        return insert
    rows = write_sql(source) if isinstance(source, exp.Values) else f"({write_sql(source)})"
    columns = [*map(quote_part, named)]
    nulls = [f"CAST(NULL AS {kind}) AS {quote_part(name)}" for name, kind in missing.items()]
    query = (
        f"SELECT {', '.join([*columns, *nulls])} FROM {rows} AS {_SOURCE} ({', '.join(columns)})"
    )
    names = [exp.to_identifier(name, quoted=True) for name in (*named, *missing)]
    insert.set("this", exp.Schema(this=table.copy(), expressions=names))
    insert.set("expression", parse_query(query))
    return insert


def _cast_values(values: exp.Values, names: list[str], kinds: dict[str, str]) -> None:
    """Give the types of columns to nested values, and to those that are written in several ways.

    Sail takes no NULL beside an array of structs, for example.
    """
    types = {name.lower(): kind for name, kind in kinds.items()}
    columns = zip(*(row.expressions for row in values.expressions), strict=False)
    for name, column in zip(names, columns, strict=False):
        kind = types.get(name.lower(), "")
        ways = {(type(each), each.args.get("is_string")) for each in column}
        if len(ways) < 2 and "<" not in kind:
            continue
        for value in column:
            if kind and value.name.upper() != "DEFAULT":
                value.replace(exp.cast(value.copy(), kind, dialect="databricks"))


def _may_repeat(source: exp.Query | exp.Values, names: list[str]) -> bool:
    """Return whether a query has a value for each name, and not only those of tables."""
    if isinstance(source, exp.Values):
        return False
    return len(source.selects) == len(names) or (source.is_star and len(source.selects) > 1)


def _name_source(source: Tree) -> None:
    """Give a query without a name that of its only table, which its columns keep on Databricks."""
    query = source.this
    if isinstance(source, exp.Subquery) and not source.alias and isinstance(query, exp.Select):
        table = query.args.get("from_")
        if table is not None and not query.args.get("joins"):
            source.set("alias", exp.TableAlias(this=exp.to_identifier(table.this.alias_or_name)))


def _cast_changes(merge: exp.Merge, describe: Describe) -> None:
    """Give the values of a merge the types of their columns, as Databricks does.

    Sail refuses a text for a number, such as that of a CSV file.
    """
    kinds = describe(f"SELECT * FROM {write_name(merge.this)}")
    name_merged_columns(merge, lambda _: kinds)
    types = {name.lower(): kind for name, kind in kinds.items() if "<" not in kind}
    for when in merge.args["whens"].expressions:
        then = when.args["then"]
        pairs: list[tuple[Tree, Tree]] = []
        if isinstance(then, exp.Update):
            pairs = [(each.this, each.expression) for each in then.expressions]
        elif isinstance(then, exp.Insert) and isinstance(then.this, exp.Tuple):
            pairs = list(zip(then.this.expressions, then.expression.expressions, strict=False))
        for column, value in pairs:
            kind = types.get(column.name.lower())
            if kind is not None and value.name.upper() != "DEFAULT":
                value.replace(exp.cast(value.copy(), kind, dialect="databricks"))


def _merge(merge: exp.Merge, names: Tree) -> Tree:
    """Name the queries of a merge in its source."""
    source = merge.args["using"]
    query = exp.select("*").from_(source.copy())
    query.set("with_", names.copy())
    merge.set("using", query.subquery(source.alias_or_name))
    merge.set("with_", None)
    return merge
