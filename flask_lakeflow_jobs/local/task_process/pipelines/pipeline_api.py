"""Names of Databricks' pipelines for Spark's: the module ``dlt`` and ``pyspark.pipelines``.

Spark 4.1 and later have tables, views, flows and sinks. Expectations are filters here, and a table
whose query is no stream is a materialized view, as on Databricks.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import sys
import types
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..paths import WorkspacePaths
from ..spark.files.data_files import has_folders, has_headers, lower_options, name_rescued
from .change_flows import ChangeFlows, Target
from .change_sql import Changes, Flow, find_streams, write_snapshot
from .expectations import EXPECTATIONS, as_query
from .file_views import FileViews
from .pipeline_sql import drop_catalogs, drop_keys, to_spark
from .stream_readers import add_rescued, is_auto_loader, read_changes, read_with_auto_loader

Query = Callable[[], Any]
_ALIASES = {
    "create_streaming_live_table": "create_streaming_table",
    "create_target_table": "create_streaming_table",
    "create_table": "table",
    "apply_changes": "create_auto_cdc_flow",
    "apply_changes_from_snapshot": "create_auto_cdc_from_snapshot_flow",
    "view": "temporary_view",
}
_NAMES = ("name", "target", "source")
_STREAM = re.compile(r"\bSTREAM\b", re.IGNORECASE)


class NotInSpark(Exception):
    """A part of Databricks' pipelines that Spark's lack. The message says what to do."""

    __module__ = "builtins"  # errors name the class alone


class PipelineApi:
    """The functions that define a pipeline. They are registered at the end of each file.

    :param session: of Spark Connect.
    :param catalogs: names of catalogs to drop: Spark has one catalog here.
    :param mounts: local folders by their paths in the workspace.
    :param schema: of names without one.
    """

    def __init__(
        self, session: Any, catalogs: frozenset[str], mounts: dict[str, str], schema: str
    ) -> None:
        self.changes = ChangeFlows(schema)
        self._session = session
        self._catalogs = catalogs
        self.paths = WorkspacePaths(mounts)
        self.file_views = FileViews(session, self.paths)
        self._pending: list[Callable[[], None]] = []
        self._session_methods: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        """Make the names importable, and let readers take names and paths of Databricks."""
        pipelines = import_module("pyspark.pipelines")
        dlt = types.ModuleType("dlt")
        functions = self.functions(pipelines)
        for name, function in functions.items():
            setattr(pipelines, name, function)
            setattr(dlt, name, function)
        sys.modules["dlt"] = dlt
        owners = {"set": type(self._session.conf), "register": type(self._session.udf)}
        self._session_methods = [(each, name, getattr(each, name)) for name, each in owners.items()]
        self._extend_readers()

    def allow_changes(self) -> None:
        """Let code change settings and register functions, which Spark refuses in its files."""
        for owner, name, method in self._session_methods:
            setattr(owner, name, method)

    def functions(self, pipelines: Any) -> dict[str, Any]:
        """Return the functions by name.

        :param pipelines: the module ``pyspark.pipelines``.
        """
        functions = {
            name: self._defer(getattr(pipelines, name), is_table=name == "table")
            for name in ("table", "materialized_view", "temporary_view", "append_flow")
        }
        names = ("create_streaming_table", "append_flow", "materialized_view")
        self._originals = types.SimpleNamespace(
            **{each: getattr(pipelines, each) for each in names}
        )
        functions["create_streaming_table"] = self._create_streaming_table
        functions["create_sink"] = self._adapt(pipelines.create_sink)
        functions["create_auto_cdc_flow"] = self._create_auto_cdc_flow
        functions["create_auto_cdc_from_snapshot_flow"] = self._create_snapshot_flow
        functions["on_event_hook"] = _skip_hook
        functions["foreach_batch_sink"] = _refuse_batches
        functions |= {alias: functions[name] for alias, name in _ALIASES.items()}
        return functions | {
            "read": lambda name: self._session.table(name),
            "read_stream": lambda name: self._session.readStream.table(name),
            **EXPECTATIONS,
        }

    def register(self) -> None:
        """Register what a file has defined."""
        pending, self._pending = self._pending, []
        for register in pending:
            register()

    def finish(self) -> None:
        """Register what needs the definitions of all files."""
        self.changes.finish(self._originals)

    def name(self, name: str) -> str:
        """Return a name without its catalog and without the schema ``LIVE``."""
        own = re.sub(r"^LIVE\.", "", name, flags=re.IGNORECASE)
        return drop_catalogs(f"TABLE {own}", self._catalogs).removeprefix("TABLE ")

    def _defer(self, original: Any, *, is_table: bool) -> Any:
        """Return a decorator that registers its function later, with the expectations around it."""

        def decorator(function: Query | None = None, **options: Any) -> Any:
            if function is None or not callable(function):
                return lambda decorated: decorator(decorated, **options)
            query = as_query(function)
            adapted = self._arguments(original, options)

            def register() -> None:
                if not is_table:
                    original(**adapted)(query)
                    return
                registries = import_module("pyspark.pipelines.graph_element_registry")
                registry = registries.get_active_graph_element_registry()
                chooser = _Chooser(registry, self._session, query)
                with registries.graph_element_registration_context(chooser):
                    original(**adapted)(query)

            self._pending.append(register)
            return query

        return decorator

    def _adapt(self, original: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            names = list(inspect.signature(original).parameters)
            return original(
                **self._arguments(original, {**dict(zip(names, args, strict=False)), **options})
            )

        return call

    def _create_streaming_table(self, name: str, **options: Any) -> None:
        """Keep a table until all flows are known: a target of changes is a materialized view."""
        originals = self._originals
        arguments = self._arguments(originals.create_streaming_table, {"name": name, **options})

        def define(query: str) -> None:
            originals.materialized_view(**arguments)(lambda: self._session.sql(query))

        is_checked = any(options.get(f"expect_all_or_{each}") for each in ("drop", "fail"))
        register = functools.partial(originals.create_streaming_table, **arguments)
        self.changes.add_target(Target(arguments["name"], register, define, is_checked))

    def _create_auto_cdc_flow(
        self,
        target: str,
        source: str,
        keys: list[Any],
        sequence_by: Any,
        ignore_null_updates: bool = False,
        apply_as_deletes: Any = None,
        apply_as_truncates: Any = None,
        column_list: list[Any] | None = None,
        except_column_list: list[Any] | None = None,
        stored_as_scd_type: int | str | None = None,
        track_history_column_list: list[Any] | None = None,
        track_history_except_column_list: list[Any] | None = None,
        name: str | None = None,
        once: bool = False,
        **options: Any,
    ) -> None:
        options |= {"ignore_null_updates": ignore_null_updates, "once": once}
        if refused := [each for each, value in options.items() if value]:
            raise NotInSpark(
                f"The local workspace has no {', '.join(refused)} in a flow of changes. Leave it "
                "out, and change the rows in the table or view that the flow reads, or simulate "
                "the job (tag 'local_simulation')."
            )
        if str(stored_as_scd_type or 1) not in ("1", "2"):
            raise ValueError(f"stored_as_scd_type is 1 or 2, not {stored_as_scd_type!r}.")
        changes = Changes(
            list_columns(keys, "keys"),
            has_history=str(stored_as_scd_type) == "2",
            columns=list_columns(column_list, "column_list") or None,
            except_columns=list_columns(except_column_list, "except_column_list"),
            tracked=list_columns(track_history_column_list, "track_history_column_list") or None,
            except_tracked=list_columns(
                track_history_except_column_list, "track_history_except_column_list"
            ),
        )
        path = self.name(source)
        self.changes.add_flow(
            Flow(
                name,
                self.name(target),
                lambda: self._session.readStream.table(path),
                sequence_by,
                apply_as_deletes,
                apply_as_truncates,
                changes,
            )
        )

    def _create_snapshot_flow(
        self,
        target: str,
        source: Any,
        keys: list[Any],
        stored_as_scd_type: int | str | None = None,
        **options: Any,
    ) -> None:
        if (
            not isinstance(source, str)
            or str(stored_as_scd_type or 1) != "1"
            or any(options.values())
        ):
            raise NotInSpark(
                f"The local workspace keeps no earlier snapshots: the flow into {target} takes the "
                "name of a table or view as its source, SCD type 1 and no further options. Write "
                "the changes to a table that create_auto_cdc_flow reads, or simulate the job (tag "
                "'local_simulation')."
            )
        name = self.name(target)
        listed = Changes(list_columns(keys, "keys")).keys
        self.changes.add_snapshot(name, write_snapshot(listed, self.name(source), name))

    def _arguments(self, original: Any, options: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments that Spark's function takes, and print the names of the others."""
        taken = inspect.signature(original).parameters
        if ignored := [name for name in options if name not in taken]:
            print(
                f"{original.__name__} of Spark has no {', '.join(ignored)}, which has no effect.",
                file=sys.stderr,
            )
        changes = {**dict.fromkeys(_NAMES, self.name), "schema": drop_keys}
        return {
            name: changes[name](value) if name in changes and isinstance(value, str) else value
            for name, value in options.items()
            if name in taken
        }

    def _extend_readers(self) -> None:
        session_class: Any = type(self._session)
        batch: Any = type(self._session.read)
        stream: Any = type(self._session.readStream)
        for owner in (session_class, batch, stream):
            owner.table = self._with_name(owner.table, is_stream=owner is stream)
        for owner in (batch, stream):
            owner.load = self._with_path(owner.load)
        sql = session_class.sql

        def run(session: Any, text: str, *args: Any, **options: Any) -> Any:
            translated, _ = to_spark(text, self._catalogs)
            self.changes.note_streams(find_streams(translated))
            frames = {}
            replaced = self.file_views.replace(
                translated, lambda name, query: frames.update({name: query()})
            )
            if frames:  # views of the statement alone, which pyspark calls {name}
                if not options:
                    replaced = replaced.replace("{", "{{").replace("}", "}}")
                replaced = re.sub(rf"\b(?:{'|'.join(frames)})\b", r"{\g<0>}", replaced)
            return sql(session, replaced, *args, **frames, **options)

        session_class.sql = run
        read_with_auto_loader(stream)

    def _with_name(self, method: Any, *, is_stream: bool) -> Any:
        def read(reader: Any, tableName: str, *args: Any, **options: Any) -> Any:  # noqa: N803
            if is_stream:
                self.changes.note_streams([self.name(tableName)])
            rows = method(reader, self.name(tableName), *args, **options)
            return read_changes(reader, rows) if is_stream else rows

        return read

    def _with_path(self, method: Any) -> Any:
        def load(reader: Any, path: Any = None, *args: Any, **options: Any) -> Any:
            local = self.paths.translate_uri(path)
            if not is_auto_loader(reader):
                return method(reader, local, *args, **options)
            if has_folders(local):
                reader = reader.option("recursiveFileLookup", "true")
            own, kind = lower_options(reader._options), reader._format or ""
            is_inferred = not reader._schema
            if is_inferred and has_headers(own, kind):
                reader = reader.option("header", "true")
            rows = method(reader, local, *args, **options)
            return add_rescued(rows, name_rescued(own, kind, is_inferred=is_inferred))

        return load


class _Chooser:
    """A registry that makes a table a materialized view if its query is no stream."""

    def __init__(self, registry: Any, session: Any, query: Any) -> None:
        self._registry = registry
        self._client = session.client
        self._query = query
        self._output: Any = None

    def register_output(self, output: Any) -> None:
        """Keep the output until its flow is known."""
        self._output = output

    def register_flow(self, flow: Any) -> None:
        """Register a flow, and its output as soon as the function has returned its rows."""
        code = inspect.unwrap(self._query).__code__
        place = dataclasses.replace(
            flow.source_code_location, filename=code.co_filename, line_number=code.co_firstlineno
        )
        output = dataclasses.replace(self._output, source_code_location=place)

        def query() -> Any:
            frame = self._query()
            self._registry.register_output(self._choose(output, frame))
            return frame

        self._registry.register_flow(
            dataclasses.replace(flow, func=query, source_code_location=place)
        )

    def _choose(self, output: Any, frame: Any) -> Any:
        if is_stream(frame._plan.plan(self._client)):
            return output
        view = import_module("pyspark.pipelines.output").MaterializedView
        return view(
            **{each.name: getattr(output, each.name) for each in dataclasses.fields(output)}
        )


def is_stream(message: Any) -> bool:
    """Return whether a plan, as a message of Spark Connect, reads a stream."""
    for field, value in message.ListFields():
        if field.name == "is_streaming" and value:
            return True
        if field.name == "query" and isinstance(value, str) and _STREAM.search(value):
            return True
        for each in value if hasattr(value, "add") else (value,):
            if hasattr(each, "ListFields") and is_stream(each):
                return True
    return False


def list_columns(columns: Any, name: str) -> tuple[str, ...]:
    """Return the names of columns, which are texts or columns of Spark.

    :param name: of the argument.
    :raises TypeError: there is no list of names.
    """
    if columns is None:
        return ()
    if not isinstance(columns, (list, tuple)):
        raise TypeError(f"Write a list of columns for {name}: {name}=['id'].")
    names = []
    for column in columns:
        if isinstance(column, str):
            names.append(column)
            continue
        text = getattr(getattr(column, "_expr", None), "_unparsed_identifier", None)
        if text is None:
            raise TypeError(f"Name the columns of {name}: an expression has no name.")
        names.append(text)
    return tuple(each.strip("`").replace("``", "`") for each in names)


def _skip_hook(hook: Any = None, **options: Any) -> Any:
    if not callable(hook):
        return _skip_hook
    print(f"Spark's pipelines have no events, so {hook.__name__} is not called.", file=sys.stderr)
    return hook


def _refuse_batches(*args: Any, **options: Any) -> Any:
    raise NotInSpark(
        "Spark's pipelines have no foreach_batch_sink here. Define the table with table or "
        "append_flow, merge changes with MERGE in a notebook_task, or simulate the job (tag "
        "'local_simulation')."
    )
