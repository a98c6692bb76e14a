"""Variables of SQL on Sail, which has none: statements get their values in place of their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp, parse_one

from ..sql.databricks_sql import Immediate
from .language.sql_text import write_literal
from .query_columns import read_columns, write

Run = Callable[..., Any]
Tree = exp.Expr
Describe = Callable[[str], dict[str, str]]


class SqlVariables:
    """The variables of a session.

    :param run: runs a statement, which may have arguments, and returns its frame.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._values: dict[str, Tree] = {}
        self._kinds: dict[str, str | None] = {}

    def run_command(self, tree: Tree) -> Any:
        """Run ``DECLARE``, ``SET VAR``, ``DROP … VARIABLE`` or ``EXECUTE IMMEDIATE``.

        :return: the frame of the statement; ``None`` if it is another one.
        """
        if isinstance(tree, exp.Declare):
            for item in tree.expressions:
                kind, default = item.args.get("kind"), item.args.get("default") or exp.null()
                value = exp.cast(default, kind) if kind else default
                names = item.this if isinstance(item.this, list) else [item.this]
                for each in names:
                    self._kinds[each.name.lower()] = None  # that of its value
                self._assign([each.name for each in names], [value] * len(names))
        elif isinstance(tree, exp.Set) and tree.expressions[0].args.get("kind") == "VARIABLE":
            for item in tree.expressions:
                self._set(item.this.this, item.this.expression)
        elif isinstance(tree, exp.Command) and tree.name.upper() == "DROP":
            name = tree.text("expression").split()[-1].strip("`").lower()
            self._values.pop(name, None)
            self._kinds.pop(name, None)
        elif isinstance(tree, exp.Command) and tree.name.upper() == "EXECUTE":
            return self._execute(Immediate(tree.text("expression")))
        else:
            return None
        return self._run("SELECT 'The variables are set.' AS message")

    def insert(self, tree: Tree, describe: Describe) -> None:
        """Write values in place of names that no table has as a column.

        :param describe: asks Sail for the columns of a query.
        """
        for column in reversed(list(tree.find_all(exp.Column))):  # the inner ones first
            value = self._values.get(column.name.lower())
            if value is None or column.table.lower() not in ("", "session"):
                continue
            select = column.find_ancestor(exp.Select)
            if not column.table and select is not None:
                known = read_columns(select, describe)
                if column.name.lower() in map(str.lower, known):
                    continue
            is_result = isinstance(column.parent, exp.Select) and column.arg_key == "expressions"
            column.replace(exp.alias_(value, column.name) if is_result else value.copy())

    def _set(self, target: Tree, value: Tree) -> None:
        if not isinstance(target, exp.Tuple):
            self._assign([target.name], [value])
            return
        names = [each.name for each in target.expressions]
        self._keep(names, self._run(write(value.unnest())))

    def _assign(self, names: list[str], values: list[Tree]) -> None:
        self._keep(names, self._run(f"SELECT {', '.join(map(write, values))}"))

    def _keep(self, names: list[str], frame: Any) -> None:
        rows = frame.limit(1).collect() or [[None] * len(names)]
        for name, value, field in zip(names, rows[0], frame.schema.fields, strict=True):
            if name.lower() not in self._kinds:
                raise ValueError(
                    f"[UNRESOLVED_VARIABLE] There is no variable {name}. Declare it first: DECLARE "
                    f"{name} …."
                )
            literal, own = write_literal(value), field.dataType.simpleString()
            kind = self._kinds[name.lower()] or own
            if "<" in kind:
                raise NotImplementedError(
                    f"On Sail, a variable of SQL cannot have the type {kind}. Use the expression "
                    f"itself in place of {name}."
                )
            text = literal if kind == "void" else f"CAST({literal} AS {kind})"
            self._kinds[name.lower()] = None if kind == "void" else kind
            self._values[name.lower()] = parse_one(text, read="databricks")

    def _execute(self, immediate: Immediate) -> Any:
        ((statement,),) = self._run(f"SELECT {immediate.statement}").collect()
        values = [self._run(f"SELECT {write(each)}").first()[0] for each in immediate.using]
        names = [each.alias for each in immediate.using]
        arguments = dict(zip(names, values, strict=True)) if any(names) else values
        frame = self._run(statement, arguments or None)
        if immediate.into:
            self._keep(immediate.into, frame)
        return frame
