"""``UNPIVOT`` in SQL, for which Sail keeps the rows of NULL and drops the names after ``AS``."""

from __future__ import annotations

from sqlglot import exp

from .refused_queries import Tree


def expand_unpivots(tree: Tree) -> None:
    """Write each ``UNPIVOT`` as a union of its columns."""
    found = [each for each in tree.find_all(exp.Pivot) if each.args.get("unpivot")]
    for unpivot in found:
        source = unpivot.parent
        if source is not None:
            source.replace(_expand(source, unpivot))


def _expand(source: Tree, unpivot: exp.Pivot) -> Tree:
    bare = source.copy()
    bare.set("pivots", None)
    (field,) = unpivot.args["fields"]
    values = _list_names(unpivot.expressions[0])
    used: list[Tree] = []
    branches = []
    for each in field.expressions:
        columns = [column.copy() for column in _list_columns(each)]
        used += columns
        name = each.args["alias"].name if isinstance(each, exp.PivotAlias) else ""
        named = exp.Literal.string(name or "_".join(column.name for column in columns))
        branch = exp.select("*").from_(bare.copy())
        branch = branch.select(exp.Alias(this=named, alias=field.this.copy()))
        for column, value in zip(columns, values, strict=True):
            branch = branch.select(exp.Alias(this=column, alias=value.copy()))
        branches.append(branch)
    star = exp.Star(except_=[exp.to_identifier(column.name, quoted=True) for column in used])
    rows = branches[0] if len(branches) == 1 else exp.union(*branches, distinct=False)
    query = exp.Select(expressions=[star]).from_(rows.subquery("unpivoted"))
    if not unpivot.args.get("include_nulls"):
        tests = [
            exp.Not(this=exp.Is(this=exp.column(each.copy()), expression=exp.null()))
            for each in values
        ]
        query = query.where(exp.or_(*tests))
    alias = unpivot.args.get("alias") or source.args.get("alias")
    return exp.Subquery(this=query, alias=alias and alias.copy())


def _list_names(node: Tree) -> list[Tree]:
    return node.expressions if isinstance(node, exp.Tuple) else [node]


def _list_columns(node: Tree) -> list[Tree]:
    return _list_names(node.this if isinstance(node, exp.PivotAlias) else node)
