"""Functions and variables that SQL creates: Sail lacks them, so their values take their place.

Functions are kept in a file of the workspace, temporary ones and variables in the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from textwrap import dedent, indent
from typing import Any

from sqlglot import exp

from ...json_files import read_json, write_json
from ...sql.databricks_sql import Immediate, list_declared, name_of, read_assigned, write_sql
from ...sql.query_scopes import Describe
from ...sql_statements import matches_show_pattern
from ...sql_syntax import Match, split_name
from ..language.sql_literals import write_answer, write_literal, write_rows
from ..language.sql_names import complete_path
from .query_columns import parse_query, read_columns, replace_part

#: Runs a statement, which may have arguments, and returns its frame.
Run = Callable[..., Any]
#: ``parameters`` (names and defaults), ``body``, ``returns`` and ``language``; ``columns`` (names
#: and types) if it returns a table that declares them; the whole ``path`` of one that is kept.
Function = dict[str, Any]

_MAX_DEPTH = 20  # of functions that call others
# Databricks has them, and Sail lacks them. The API has the same group.
_MEMBERSHIP: dict[str, Function] = {
    name: {
        "parameters": [["name", None]],
        "body": "name IN ('account users', 'users')",
        "returns": "BOOLEAN",
        "language": "SQL",
    }
    for name in ("is_account_group_member", "is_member")
}
_PREFIX = "lakeflow_udf_"


class SqlFunctions:
    """The functions of a workspace.

    :param folder: keeps their file.
    :param register: makes a function of Python known to Sail: its name, itself and its type.
    """

    def __init__(self, folder: str, register: Callable[[str, Any, str], Any]) -> None:
        self._file = os.path.join(folder, "functions.json")
        self._register = register
        self._temporary: dict[str, Function] = {}
        self._registered: set[str] = set()

    def run(self, tree: exp.Expr, query: Run) -> str | None:
        """Create or drop a function; return a query for a message, else ``None``."""
        if isinstance(tree, exp.Drop) and tree.args.get("kind") == "FUNCTION":
            (table,) = tree.args["tables"]
            parts = [each.lower() for each in name_of(table)]
            if (name := find_function(self._temporary, parts)) is not None:
                del self._temporary[name]
            elif (name := find_function(saved := self._read(), parts)) is not None:
                write_json(self._file, {key: each for key, each in saved.items() if key != name})
            return write_answer("The function is dropped.")
        if not isinstance(tree, exp.Create) or tree.kind != "FUNCTION":
            return None
        name, function = describe_function(tree)
        if tree.find(exp.TemporaryProperty) is not None:
            self._temporary[name] = function
        elif not tree.args.get("exists") or name not in self._read():
            path = complete_path(name.split("."), 3, query)
            write_json(self._file, {**self._read(), name: {**function, "path": path}})
        self._registered.discard(name)
        return write_answer("The function is created.")

    def describe(self, tree: exp.Expr) -> str | None:
        """Return a query for what a function does; ``None`` for another statement or function."""
        if not isinstance(tree, exp.Describe) or tree.args.get("kind") != "FUNCTION":
            return None
        functions = {**self._read(), **self._temporary}
        name = find_function(functions, [each.lower() for each in name_of(tree.this)])
        if name is None:
            return None
        function = functions[name]
        lines = [f"Function: {name}", f"Returns: {function['returns']}"]
        return write_rows(
            ["function_desc"], [(each,) for each in (*lines, f"Body: {function['body']}")]
        )

    def show(self, match: Match, run: Run) -> str:
        """Return a query of the functions' names, with Sail's own unless USER leaves them out.

        A function without a schema in its name counts for every schema.
        """
        schema = [each.lower() for each in split_name(match["name"] or "")]
        names = [
            name if "." in name else ".".join([*schema, name])
            for name in {**self._read(), **self._temporary}
            if not schema or find_function({name: {}}, [*schema, name.rpartition(".")[2]])
        ]
        if not match["user"]:
            names += [row[0] for row in run("SHOW FUNCTIONS").collect()]
        return write_rows(
            ["function"],
            [
                (name,)
                for name in sorted(names)
                if matches_show_pattern(name.rpartition(".")[2], match["text"])
            ],
        )

    def list_routines(self, catalogs: list[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of catalogs in the information schema."""
        for function in self._read().values():
            path, language = function["path"], function["language"]
            if path[0] in map(str.lower, catalogs):
                own = ("SQL", None) if language == "SQL" else ("EXTERNAL", language)
                kind = function["returns"] or "TABLE_TYPE"
                yield *path, *path, "FUNCTION", kind, *own, function["body"]

    def insert(self, tree: exp.Expr) -> exp.Expr:
        """Replace the calls in a tree by what the functions return."""
        functions = {**self._read(), **self._temporary, **_MEMBERSHIP}
        for _ in range(_MAX_DEPTH):
            found = False
            for call in list(tree.find_all(exp.Anonymous)):
                parts = [call.name.lower()]
                outer: exp.Expr = call
                if isinstance(call.parent, exp.Dot) and call.arg_key == "expression":
                    outer = call.parent
                    names = [
                        each.name.lower() for each in call.parent.this.find_all(exp.Identifier)
                    ]
                    parts = [*names, *parts]
                name = find_function(functions, parts)
                if name is None:
                    continue
                found = True
                tree = _replace(tree, outer, self._expand(name, functions[name], call))
            if not found:
                break
        return tree

    def _expand(self, name: str, function: Function, call: exp.Anonymous) -> exp.Expr:
        arguments = bind_arguments(name, function, call.expressions)
        if function["language"] == "PYTHON":
            known = _PREFIX + name.replace(".", "_")
            if name not in self._registered:
                self._register(known, compile_function(function), function["returns"])
                self._registered.add(name)
            return exp.Anonymous(this=known, expressions=list(arguments.values()))
        value = expand_body(name, parse_query(function["body"]), arguments, function["returns"])
        columns = function.get("columns")
        return name_columns(value, columns) if columns else value

    def _read(self) -> dict[str, Function]:
        return dict(read_json(self._file, {}))


def describe_function(tree: exp.Create) -> tuple[str, Function]:
    """Return the name of a function that a statement creates, and what it does.

    :raises ValueError: it is written in another language than SQL or Python.
    """
    properties = {type(each): each for each in tree.find_all(exp.Property)}
    language = properties.get(exp.LanguageProperty)
    kind = language.name.upper() if language is not None else "SQL"
    if kind not in ("PYTHON", "SQL") or tree.expression is None:
        raise ValueError(
            f"The local workspace runs no functions in {kind}. Write it in SQL or Python."
        )
    returns = properties.get(exp.ReturnsProperty)
    returned, columns = "", []
    if returns is not None and returns.args.get("is_table"):
        columns = [(each.name, write_sql(each.args["kind"])) for each in returns.this.expressions]
    elif returns is not None:
        returned = write_sql(returns.this)
    body = tree.expression.this
    parameters = [
        (
            column.name,
            next((write_sql(d.this) for d in column.find_all(exp.DefaultColumnConstraint)), None),
        )
        for column in tree.this.expressions
    ]
    return ".".join(name_of(tree.this.this)).lower(), {
        "parameters": parameters,
        "body": body if isinstance(body, str) else write_sql(body),
        "returns": returned,
        "language": kind,
        "columns": columns,
    }


def find_function(functions: dict[str, Function], parts: list[str]) -> str | None:
    """Return the name of the function that a call means; its last parts are enough."""
    for name in functions:
        known = name.split(".")
        if known[-len(parts) :] == parts or parts[-len(known) :] == known:
            return name
    return None


def bind_arguments(name: str, function: Function, given: list[exp.Expr]) -> dict[str, exp.Expr]:
    """Return the argument of each parameter, in order.

    :raises ValueError: one is missing.
    """
    named = {
        each.this.name.lower(): each.expression for each in given if isinstance(each, exp.Kwarg)
    }
    positional = [each for each in given if not isinstance(each, exp.Kwarg)]
    arguments = {}
    for index, (parameter, default) in enumerate(function["parameters"]):
        value = positional[index] if index < len(positional) else named.get(parameter.lower())
        if value is None and default is None:
            raise ValueError(
                f"The function {name} needs the argument {parameter}. Give it a value."
            )
        arguments[parameter.lower()] = parse_query(str(default)) if value is None else value
    return arguments


def expand_body(
    name: str, body: exp.Expr, arguments: dict[str, exp.Expr], returns: str
) -> exp.Expr:
    """Insert arguments into what a function returns."""
    own = name.rpartition(".")[2]

    def insert(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.table.lower() in ("", own):
            value = arguments.get(node.name.lower())
            return node if value is None else exp.paren(value.copy())
        return node

    filled = body.transform(insert)
    if isinstance(filled, exp.Select):
        filled = exp.Subquery(this=filled)
    elif not isinstance(filled, exp.Subquery):
        filled = exp.paren(filled)
    return exp.cast(filled, returns, dialect="databricks") if returns else filled


def name_columns(query: exp.Expr, columns: list[tuple[str, str]]) -> exp.Expr:
    """Give the columns of a query the names and types that its function declares."""

    def convert(value: exp.Expr, name: str, kind: str) -> exp.Expr:
        return exp.alias_(exp.cast(value, kind, dialect="databricks"), name, quoted=True)

    inner = query.unnest()
    if isinstance(inner, exp.Select) and inner.args.get("from_") is None:  # perhaps of a LATERAL
        values = [each.unalias() for each in inner.expressions]
    else:
        values = [exp.column(name, quoted=True) for name, _ in columns]
        names = [exp.to_identifier(name, quoted=True) for name, _ in columns]
        alias = exp.TableAlias(this=exp.to_identifier("returned"), columns=names)
        inner = exp.select().from_(exp.Subquery(this=inner, alias=alias))
    pairs = zip(values, columns, strict=True)
    inner.set("expressions", [convert(value, *column) for value, column in pairs])
    return exp.Subquery(this=inner)


def compile_function(function: Function) -> Any:
    names = ", ".join(parameter for parameter, _ in function["parameters"])
    source = f"def handler({names}):\n{indent(dedent(function['body']).strip(chr(10)), '    ')}\n"
    found: dict[str, Any] = {}
    exec(source, found)  # noqa: S102  # it is the user's own
    return found["handler"]


def _replace(tree: exp.Expr, call: exp.Expr, value: exp.Expr) -> exp.Expr:
    table = call.parent
    if isinstance(table, exp.Table):
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier("called"))
        query = value if isinstance(value, exp.Subquery) else exp.Subquery(this=value)
        query.set("alias", alias)
        table.replace(query)
        return tree
    return replace_part(tree, call, value)


class SqlVariables:
    """The variables of a session."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._values: dict[str, exp.Expr] = {}
        self._kinds: dict[str, str | None] = {}

    def run_command(self, tree: exp.Expr) -> Any:
        """Run ``DECLARE``, ``SET VAR``, ``DROP … VARIABLE`` or ``EXECUTE IMMEDIATE``.

        :return: the frame of the statement; ``None`` if it is another one.
        """
        if isinstance(tree, exp.Declare):
            for names, _, value in list_declared(tree):
                for each in names:
                    self._kinds[each.lower()] = None  # that of its value
                self._keep(names, self._run(write_sql(exp.select(*[value] * len(names)))))
        elif isinstance(tree, exp.Set) and tree.expressions[0].args.get("kind") == "VARIABLE":
            for item in tree.expressions:
                names, query = read_assigned(item)
                self._keep(names, self._run(write_sql(query)))
        elif isinstance(tree, exp.Command) and tree.name.upper() == "DROP":
            name = tree.text("expression").split()[-1].strip("`").lower()
            self._values.pop(name, None)
            self._kinds.pop(name, None)
        elif isinstance(tree, exp.Command) and tree.name.upper() == "EXECUTE":
            return self._execute(Immediate(tree.text("expression")))
        else:
            return None
        return self._run(write_answer("The variables are set."))

    def insert(self, tree: exp.Expr, describe: Describe) -> None:
        """Write values in place of names that no table has as a column."""
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
            self._values[name.lower()] = parse_query(text)

    def _execute(self, immediate: Immediate) -> Any:
        ((statement,),) = self._run(f"SELECT {immediate.statement}").collect()
        values = [self._run(f"SELECT {write_sql(each)}").first()[0] for each in immediate.using]
        names = [each.alias for each in immediate.using]
        arguments = dict(zip(names, values, strict=True)) if any(names) else values
        frame = self._run(statement, arguments or None)
        if immediate.into:
            self._keep(immediate.into, frame)
        return frame
