"""``INSERT … PARTITION (…)`` as an INSERT of whole rows, for DuckDB and for Sail. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

_SOURCE = "lakeflow_source"


def insert_partition(
    insert: exp.Insert, list_columns: Callable[[exp.Table], Iterable[str]]
) -> exp.Insert:
    """Add the values of the partition to the rows, and replace only rows that have them.

    A column of the partition without a value comes last in the query.
    """
    table = insert.this.find(exp.Table)
    partition = table.args.get("partition") if table else None
    if partition is None:
        return insert
    table = table.copy()
    table.set("partition", None)
    values = [each for each in partition.expressions if isinstance(each, exp.EQ)]
    fixed = {each.this.name.lower(): each.expression for each in values}
    last = [each.name.lower() for each in partition.expressions if each not in values]
    columns = [exp.to_identifier(name, quoted=True) for name in list_columns(table)]
    given = [each for each in columns if each.name.lower() not in fixed]
    given.sort(key=lambda each: last.index(each.name.lower()) if each.name.lower() in last else -1)
    source = insert.expression
    source = source.copy() if isinstance(source, exp.Values) else exp.Subquery(this=source.copy())
    source.set("alias", exp.TableAlias(this=exp.to_identifier(_SOURCE), columns=given))
    row = [fixed.get(each.name.lower(), exp.column(each)).copy() for each in columns]
    insert.set("this", table)
    insert.set("expression", exp.Select(expressions=row, from_=exp.From(this=source)))
    if insert.args.get("overwrite") and values:
        insert.set("overwrite", False)
        insert.set("where", exp.and_(*(each.copy() for each in values)))
    return insert
