"""Statements that DuckDB lacks, as several of its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlglot import exp

from .databricks_sql import Tree, delete_rows

_SOURCE = "lakeflow_source"
_BIGINT = f"MINVALUE {-(2**63)} MAXVALUE {2**63 - 1}"
_SEVERAL_MATCHES = (
    "[DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE] Several rows of the source of MERGE "
    "match one row of its target. Keep one row of the source for each key."
)


def expand(tree: Tree) -> list[Tree]:
    """Return the statements that do the work of a translated one, or the statement itself."""
    if isinstance(tree, exp.Insert) and (tree.args.get("overwrite") or tree.args.get("where")):
        return _expand_overwrite(tree)
    if isinstance(tree, exp.Create) and tree.kind in ("TABLE", "VIEW"):
        comments = _find_comments(tree)
        return [*_expand_identity(tree), *comments]
    if isinstance(tree, exp.Alter):
        return _expand_actions(tree)
    if isinstance(tree, exp.Cache) and tree.expression is not None:
        return [_create_temporary("VIEW", tree.this, tree.expression)]
    if isinstance(tree, exp.TruncateTable) and tree.args.get("partition"):
        return [delete_rows(tree)]
    return [tree]


def name_merged_columns(
    merge: exp.Merge, list_columns: Callable[[exp.Table], Iterable[str]]
) -> None:
    """Write ``UPDATE SET *`` and ``INSERT *`` with the columns, which DuckDB takes by position."""
    names = [exp.to_identifier(name, quoted=True) for name in list_columns(merge.this)]
    values = [exp.column(name, table=merge.args["using"].alias_or_name) for name in names]
    # A column that the table lacks is an error then.
    is_evolving = merge.meta.get("evolution")
    for when in merge.args["whens"].expressions:
        then = when.args["then"]
        if isinstance(then, exp.Update) and isinstance(then.expressions[0], exp.Star):
            pairs = zip(names, values, strict=True)
            changes = [exp.EQ(this=name.copy(), expression=value.copy()) for name, value in pairs]
            then.set("expressions", changes)
            when.set("then", exp.Var(this="UPDATE BY NAME") if is_evolving else then)
        elif isinstance(then, exp.Insert) and isinstance(then.this, exp.Star):
            then.set("this", exp.Tuple(expressions=[each.copy() for each in names]))
            then.set("expression", exp.Tuple(expressions=[each.copy() for each in values]))
            when.set("then", exp.Var(this="INSERT BY NAME") if is_evolving else then)


def find_several_matches(merge: exp.Merge) -> exp.Select | None:
    """Return a query that fails as Databricks does where several rows change one.

    DuckDB takes any of these rows.
    """
    whens = merge.args["whens"].expressions
    matched = [each for each in whens if each.args["matched"] and not each.args.get("source")]
    conditions = [each.args.get("condition") for each in matched]
    is_deleted = len(matched) == 1 and isinstance(matched[0].args["then"], exp.Var)
    if not matched or (is_deleted and conditions == [None]):
        return None
    row = exp.column("rowid", table=merge.this.alias_or_name)
    matches = (
        exp.select("1")
        .from_(merge.this.copy())
        .join(merge.args["using"].copy(), on=merge.args["on"].copy())
        .where(exp.or_(*(exp.true() if each is None else each.copy() for each in conditions)))
        .group_by(row)
        .having("count(*) > 1")
    )
    error = exp.func("error", exp.Literal.string(_SEVERAL_MATCHES))
    return exp.select(error).from_(matches.subquery(_SOURCE))


def find_created(tree: Tree) -> exp.Table | None:
    """Return the name of what a CREATE statement creates."""
    if not isinstance(tree, exp.Create):
        return None
    return tree.this if isinstance(tree.this, exp.Table) else tree.this.find(exp.Table)


def sequence_of(table: str, column: str) -> str:
    """Return the name of the sequence that numbers the rows of an identity column."""
    return f"{table}_{column}_sequence"


def _create_temporary(kind: str, name: Tree, query: Tree) -> Tree:
    properties = exp.Properties(expressions=[exp.TemporaryProperty()])
    return exp.Create(
        this=name.copy(), kind=kind, replace=True, expression=query, properties=properties
    )


def _expand_overwrite(insert: exp.Insert) -> list[Tree]:
    """Delete the rows that an INSERT replaces, after its query, which may read them."""
    target, source = insert.this.find(exp.Table), exp.to_table(_SOURCE)
    create = _create_temporary("TABLE", source, insert.expression)
    where = insert.args.get("where")
    insert.set("overwrite", False)
    insert.set("where", None)
    insert.set("expression", exp.select("*").from_(source.copy()))
    delete = exp.Delete(this=target.copy(), where=where and exp.Where(this=where.copy()))
    return [create, delete, insert, exp.Drop(tables=[source.copy()], kind="TABLE")]


def _expand_identity(create: exp.Create) -> list[Tree]:
    """Number the rows by a sequence: DuckDB has no identity columns."""
    table = find_created(create)
    identities = [
        (column.name, kind)
        for column in create.find_all(exp.ColumnDef)
        for kind in column.find_all(exp.GeneratedAsIdentityColumnConstraint)
    ]
    if table is None or not identities:
        return [create]
    statements: list[Tree] = []
    form = "SEQUENCE IF NOT EXISTS"
    if create.args.get("replace"):
        # The numbers begin again. The sequence cannot be replaced while a table depends on it.
        statements.append(exp.Drop(tables=[table.copy()], kind="TABLE", exists=True))
        create.set("replace", False)
        form = "OR REPLACE SEQUENCE"
    for column, kind in identities:
        sequence = table.copy()
        sequence.set("this", exp.to_identifier(sequence_of(table.name, column)))
        name = sequence.sql("duckdb", identify=True)
        statements.append(exp.Command(this=f"CREATE {form} {name}{_write_numbers(kind)}"))
        default = exp.func("nextval", exp.Literal.string(name))
        kind.replace(exp.DefaultColumnConstraint(this=default))
    return [*statements, create]


def _write_numbers(identity: exp.GeneratedAsIdentityColumnConstraint) -> str:
    """Return the step of a sequence and its start, within the bounds of a BIGINT."""
    start, step = identity.args.get("start"), identity.args.get("increment")
    text = f" INCREMENT {step.sql('duckdb')}" if step else ""
    if start or step:  # INCREMENT sets bounds, which may exclude the start
        text += f" {_BIGINT} START {start.sql('duckdb') if start else 1}"
    return text


def _find_comments(create: exp.Create) -> list[Tree]:
    """Return the comments of a table and of its columns as statements of their own."""
    table = find_created(create)
    if table is None or create.args.get("exists"):
        return []
    properties = create.args.get("properties")
    comments = [
        exp.Comment(this=table.copy(), kind=create.kind, expression=each.this)
        for each in (properties or exp.Properties()).expressions
        if isinstance(each, exp.SchemaCommentProperty)
    ]
    schema = create.this if isinstance(create.this, exp.Schema) else exp.Schema()
    return comments + [
        _comment(schema.this, column.this, each.this)
        for column in schema.expressions
        if isinstance(column, exp.ColumnDef)
        for constraint in column.args.get("constraints") or []
        if isinstance(each := constraint.args.get("kind"), exp.CommentColumnConstraint)
    ]


def _comment(table: exp.Table, column: Tree, text: Tree) -> Tree:
    parts: list[Any] = table.parts[::-1]
    return exp.Comment(this=exp.column(column, *parts), kind="COLUMN", expression=text.copy())


def _expand_actions(alter: exp.Alter) -> list[Tree]:
    """Alter a table once for each column: DuckDB takes one change at a time."""
    statements: list[Tree] = []
    for action in alter.args.get("actions") or []:
        if isinstance(action, (exp.Schema, exp.ColumnDef)):
            columns = action.expressions if isinstance(action, exp.Schema) else [action]
            statements += _add_columns(alter, columns)
        elif isinstance(action, exp.Drop) and str(action.args.get("kind")) == "COLUMNS":
            columns = [each for found in action.args["tables"] for each in found.expressions]
            statements += [
                _alter(alter, exp.Drop(kind="COLUMN", tables=[each], exists=action.args["exists"]))
                for each in columns
            ]
        elif isinstance(action, exp.AlterColumn) and action.args.get("comment"):
            statements.append(_comment(alter.this, action.this, action.args["comment"]))
        elif isinstance(action, exp.Query) and alter.args.get("kind") == "VIEW":
            view = exp.Create(this=alter.this.copy(), kind="VIEW", replace=True, expression=action)
            statements.append(view)
        else:
            statements.append(_alter(alter, action))
    return statements or [alter]


def _add_columns(alter: exp.Alter, columns: list[Tree]) -> list[Tree]:
    statements = []
    for column in columns:
        comments = list(column.find_all(exp.CommentColumnConstraint))
        column.set(
            "constraints",
            [each for each in column.args.get("constraints") or [] if each.kind not in comments],
        )
        statements.append(_alter(alter, column))
        statements += [_comment(alter.this, column.this, each.this) for each in comments]
    return statements


def _alter(alter: exp.Alter, action: Tree) -> Tree:
    """Return an ALTER of the same table with one action."""
    copied = exp.Alter(**{key: value for key, value in alter.args.items() if key != "actions"})
    copied.set("this", alter.this.copy())
    copied.set("actions", [action.copy()])
    return copied
