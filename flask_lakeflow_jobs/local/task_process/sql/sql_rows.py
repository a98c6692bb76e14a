"""Rules for functions that make rows: ``explode`` and the like, in a SELECT and in a FROM. Pure."""

# ruff: noqa: S608  # names are quoted
from __future__ import annotations

import sqlglot
from sqlglot import exp

from .catalogs import DATABASE, HIDDEN_SCHEMAS
from .databricks_sql import NodeRule, Tree, fill

_PAIR = 2


def _rename_types() -> str:
    """Return the expression for the type of a column as Databricks writes it.

    Structs, maps and nested arrays stay as DuckDB writes them.
    """
    text = "data_type"
    for name, other in {
        "INTEGER": "INT",
        "VARCHAR": "STRING",
        "BLOB": "BINARY",
        "HUGEINT": "BIGINT",
        " WITH TIME ZONE": "",
    }.items():
        text = f"replace({text}, '{name}', '{other}')"
    return rf"regexp_replace({text}, '^(\w+)\[\]$', 'ARRAY<\1>')"


# The tables of an information schema, with what differs in their columns.
_INFORMATION = {
    "schemata": ")",
    "views": ")",
    "tables": (
        ", CASE table_type WHEN 'BASE TABLE' THEN 'MANAGED' ELSE table_type END AS table_type)"
        " RENAME (table_comment AS comment)"
    ),
    "columns": (
        f", {_rename_types()} AS data_type) RENAME (column_comment AS comment),"
        f" lower({_rename_types()}) AS full_data_type"
    ),
}


def _expand_projections(node: exp.Select) -> Tree:
    """A function may make several columns, with a name for each."""
    expressions: list[Tree] = []
    for each in node.expressions:
        names = [name.name for name in each.expressions] if isinstance(each, exp.Aliases) else []
        made = _make_columns(each.this if names else each, names)
        expressions += made or [each]
    node.set("expressions", expressions)
    return node


def _make_columns(function: Tree, names: list[str]) -> list[Tree] | None:
    alias = ""
    if isinstance(function, exp.Alias):
        function, alias = function.this, function.alias
    argument = function.this
    is_map = isinstance(argument, exp.VarMap) or len(names) == _PAIR
    if type(function) is exp.Explode and is_map:
        return _unnest_map(argument, names or ["key", "value"])
    if isinstance(function, exp.Posexplode):
        return _number(function, names or ["pos", "col"])
    if isinstance(function, exp.ExplodeOuter):
        column = _unnest(_fill(argument))
        return [exp.alias_(column, alias or (names or ["col"])[0])]
    if isinstance(function, exp.Anonymous) and function.name.lower() == "json_tuple":
        return _read_keys(function, names)
    if isinstance(function, exp.Inline):
        return None if names else [fill("UNNEST(:list, max_depth := 2)", list=argument)]
    if isinstance(function, exp.Stack):
        return _stack(function, names)
    return None


def _number(function: exp.Posexplode, names: list[str]) -> list[Tree]:
    """Number the values of a list from 0."""
    values = function.this
    numbers = fill("CAST(range(len(:list)) AS INT[])", list=values)
    if isinstance(function, exp.PosexplodeOuter):
        numbers, values = _fill(numbers), _fill(values)
    return [
        exp.alias_(_unnest(each), name) for each, name in zip((numbers, values), names, strict=True)
    ]


def _read_keys(function: exp.Anonymous, names: list[str]) -> list[Tree]:
    text, *keys = function.expressions
    names = names or [f"c{number}" for number in range(len(keys))]
    calls = (exp.func("get_json_object", text, f"'$.{key.name}'", dialect="spark") for key in keys)
    return [exp.alias_(call, name) for call, name in zip(calls, names, strict=True)]


def _stack(function: exp.Stack, names: list[str]) -> list[Tree] | None:
    if not isinstance(function.this, exp.Literal):
        return None
    count = int(function.this.name)
    width = -(-len(function.expressions) // count)
    values = [*function.expressions, *(exp.null() for _ in range(width * count))]
    names = names or [f"col{number}" for number in range(width)]
    return [
        exp.alias_(
            _unnest(
                exp.Array(expressions=[values[row * width + at].copy() for row in range(count)])
            ),
            name,
        )
        for at, name in enumerate(names)
    ]


def _name_column_of_explode(node: exp.Table) -> Tree:
    """The column of ``explode()`` is ``col``."""
    if type(node.this) is exp.Explode and not node.alias_column_names:
        _set_alias(node, "explode", ["col"])
    return node


def _name_columns_of_values(node: exp.Values) -> Tree:
    """Columns without a name are ``col1`` and so on."""
    alias = node.args.get("alias")
    is_named = alias is not None and alias.args.get("columns")
    if isinstance(node.parent, (exp.From, exp.Join)) and not is_named and node.expressions:
        row = node.expressions[0]
        width = len(row.expressions) if isinstance(row, exp.Tuple) else 1
        _set_alias(node, "values_of_query", [f"col{number + 1}" for number in range(width)])
    return node


def _set_alias(node: exp.Table | exp.Values, table: str, columns: list[str]) -> None:
    """Name the columns, and the rows if they have no name."""
    name = exp.to_identifier(node.alias or table)
    alias = exp.TableAlias(this=name, columns=[*map(exp.to_identifier, columns)])
    node.set("alias", alias)


def _join_laterals(node: exp.Select) -> Tree:
    """``LATERAL VIEW OUTER``, views of maps, and ``LATERAL`` in a FROM, as joins."""
    laterals = node.args.get("laterals") or []
    joins = list(node.args.get("joins") or [])
    found = [(each, _to_join(each)) for each in laterals]
    joined = [_to_join(each.this) if isinstance(each.this, exp.Lateral) else None for each in joins]
    joins = [made or each for each, made in zip(joins, joined, strict=True)]
    node.set("laterals", [each for each, join in found if join is None])
    node.set("joins", [*joins, *(join for _, join in found if join is not None)])
    return node


def _select_rows(node: exp.Table) -> Tree:
    """A function that makes rows in a FROM, where DuckDB has no such function."""
    function = node.this
    if not isinstance(function, (exp.Inline, exp.Stack, exp.ExplodeOuter, exp.Posexplode)):
        return node
    columns = _make_columns(function, node.alias_column_names)
    return exp.Select(expressions=columns).subquery(node.alias or "rows") if columns else node


def _describe_catalog(node: exp.Table) -> Tree:
    """An ``information_schema`` has the tables of its catalog, in the words of Databricks."""
    if node.db.lower() != "information_schema":
        return node
    kind, catalog = node.name.lower(), node.catalog
    if kind not in _INFORMATION:
        return node
    of_schemas, of_tables = ("catalog_name", "schema_name"), ("table_catalog", "table_schema")
    name, schema = of_schemas if kind == "schemata" else of_tables
    if catalog.lower() == "system":
        chosen = f"{name} NOT IN ('system', 'temp')"
    else:
        owner = exp.Literal.string(catalog).sql() if catalog else "system.main.current_database()"
        chosen = f"{name} = {owner}"
    query = (
        f"SELECT * REPLACE (CASE {name} WHEN '{DATABASE}' THEN 'main' ELSE {name} END AS {name}"
        f"{_INFORMATION[kind]} FROM system.information_schema.{kind} WHERE {chosen}"
        f" AND {schema} NOT IN {HIDDEN_SCHEMAS}"
    )
    alias = exp.TableAlias(this=exp.to_identifier(node.alias or node.name))
    return exp.Subquery(this=sqlglot.parse_one(query, read="duckdb"), alias=alias)


def _to_join(lateral: exp.Lateral) -> exp.Join | None:
    function, names = lateral.this, lateral.alias_column_names
    if type(function) is exp.Explode:
        names = names or ["col"]
        columns = _make_columns(function, names) if len(names) == _PAIR else None
        columns = columns or [exp.alias_(_unnest(function.this.copy()), names[0])]
    else:
        columns = _make_columns(function, names) or []
    if not columns:
        return None
    joined = exp.Lateral(this=exp.Select(expressions=columns).subquery(lateral.alias or "rows"))
    if lateral.args.get("outer"):
        return exp.Join(this=joined, side="LEFT", on=exp.true())
    return exp.Join(this=joined, kind="CROSS")


def _unnest_map(argument: Tree, names: list[str]) -> list[Tree]:
    parts = ("UNNEST(map_keys(:map))", "UNNEST(map_values(:map))")
    return [
        exp.alias_(fill(part, map=argument), name) for part, name in zip(parts, names, strict=True)
    ]


def _unnest(argument: Tree) -> Tree:
    return fill("UNNEST(:list)", list=argument)


def _fill(argument: Tree) -> Tree:
    """Return a list with a NULL in place of an empty one."""
    empty = "coalesce(len(:list), 0) = 0"
    return fill(f"CASE WHEN {empty} THEN [NULL] ELSE :list END", list=argument)


ROW_RULES: tuple[NodeRule, ...] = (
    NodeRule(_describe_catalog, exp.Table),
    NodeRule(_expand_projections, exp.Select),
    NodeRule(_name_column_of_explode, exp.Table),
    NodeRule(_name_columns_of_values, exp.Values),
    NodeRule(_join_laterals, exp.Select),
    NodeRule(_select_rows, exp.Table),
)
