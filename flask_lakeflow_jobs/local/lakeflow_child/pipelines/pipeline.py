"""Updates a pipeline of the bundle with Spark Declarative Pipelines, as ``spark-pipelines`` does.

Each file of the pipeline becomes a file of the run's folder that calls :func:`define`. So its code
may be a notebook, and its errors name its own lines.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import warnings
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path

from ..notebook_files import is_notebook_file
from ..samples import SPARK_SAMPLES, TRIPS
from ..script import extend_import_path
from ..spark.spark_catalog import add_tables
from ..spark.sql_names import quote_part
from ..sql_statements import remove_comments, split_statements
from .definitions import Definitions
from .pipeline_api import PipelineApi
from .pipeline_sql import find_tables, hide_metadata, read_literal, to_spark
from .sail_tables import SailTables

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from typing import Any

    from ..dbutils import DBUtils

_SPEC = "spark-pipeline.yml"
_DEFINITIONS = "definitions"
# By default, each stream would start 200 tasks for each batch.
_SETTINGS = {"spark.sql.shuffle.partitions": "4", "spark.sql.streaming.schemaInference": "true"}
# Patterns in the errors of Spark, and what to do about them.
_ADVICE = {
    r"read_files": (
        "Spark has no read_files. Use spark.read in Python, or SQL such as SELECT * FROM "
        "csv.`path`."
    ),
    r"PARSE_SYNTAX_ERROR": (
        "Spark's pipelines do not know this statement of Databricks. Define the table in Python, "
        "or simulate the job (tag 'local_simulation')."
    ),
    r"Class org\.apache\.hadoop\.fs\.\S+ not found|UnsupportedFileSystem|UNSUPPORTED_FILE_SYSTEM": (
        "Spark has no access to this storage in the cloud here. Copy the files into a volume, such "
        "as /Volumes/main/default/files, or simulate the job (its tag 'local_simulation')."
    ),
    r"ATTEMPT_ANALYSIS_IN_PIPELINE_QUERY_FUNCTION": (
        "Write the function of the table without methods that need rows at once, such as count and "
        "collect, and without columns and schema of tables that SQL or a flow of changes fills: "
        "Spark's pipelines refuse them in such a function."
    ),
    r"sources in the checkpoint offsets": (
        "Update the table with full_refresh_selection once: the flows that write to it are others "
        "than before."
    ),
    r"UNABLE_TO_INFER_SCHEMA": (
        "Copy some files to the folder that the pipeline reads, in an earlier task or by hand: it "
        "has none, so Spark cannot know their columns."
    ),
}


class PipelineFailed(Exception):
    """An update that Spark has ended with an error."""

    __module__ = "builtins"  # errors name the class alone


_state: dict[str, Any] = {}


def run_pipeline(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Update the ``pipeline`` of a payload."""
    pipeline = payload["pipeline"]
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    extend_import_path(payload)
    sys.path.insert(0, pipeline["root"])
    folder = Path(payload["result_file"]).parent
    os.chdir(folder)  # Spark leaves files in the working directory
    _set_python(pipeline["files"])
    session = _start_session(folder)
    session.sql(f"CREATE DATABASE IF NOT EXISTS {quote_part(pipeline['schema'])}")
    if pipeline["has_samples"]:
        _create_samples(session)
    dbutils.serve_imports({})
    catalogs = frozenset(pipeline["catalogs"])
    api = PipelineApi(session, catalogs, payload["mounts"], pipeline["schema"])
    api.install()
    _state.update(api=api, dbutils=dbutils, session=session, catalogs=pipeline["catalogs"])
    _state.update(configuration=payload["parameters"], numbers=count())
    write_spec(folder, pipeline, payload["parameters"])
    sys.argv = list_arguments(folder / _SPEC, pipeline)
    events = _record_events()
    definitions = Definitions(session, api, pipeline["schema"])
    definitions.install()
    _state["definitions"] = definitions
    _share_tables(session, pipeline, definitions)
    try:
        import_module("pyspark.pipelines.cli").main()
    except Exception as error:
        if type(error).__module__.startswith("pyspark."):
            raise PipelineFailed(describe_failure([*events, str(error)])) from error
        frames = find_frames(error.__traceback__, tuple(pipeline["files"]))
        raise error.with_traceback(frames) from error.__cause__


def write_spec(folder: Path, pipeline: dict[str, Any], configuration: dict[str, str]) -> None:
    """Write the pipeline's spec, and a file for each of its definitions, into a folder."""
    name = re.sub(r"[^\w-]", "_", pipeline["id"])
    storage = Path(os.environ.get("LAKEFLOW_LOCAL_SPARK", folder)) / "pipelines" / name
    spec = {
        "name": pipeline["name"],
        "storage": storage.as_uri(),
        "database": pipeline["schema"],
        "configuration": {**_SETTINGS, "pipelines.id": pipeline["id"], **configuration},
        "libraries": [{"glob": {"include": f"{_DEFINITIONS}/**"}}],
    }
    (folder / _SPEC).write_text(json.dumps(spec))  # JSON is YAML too
    definitions = folder / _DEFINITIONS
    definitions.mkdir()
    for number, file in enumerate(pipeline["files"]):
        stem = re.sub(r"\W", "_", Path(file).stem)
        text = f"from {__name__} import define\n\ndefine({file!r})\n"
        (definitions / f"d{number:04}_{stem}.py").write_text(text)


def list_arguments(spec: Path, pipeline: dict[str, Any]) -> list[str]:
    """Return the arguments of spark-pipelines."""
    arguments = ["spark-pipelines", "run", "--spec", str(spec)]
    if pipeline["full_refresh_all"]:
        return [*arguments, "--full-refresh-all"]
    for option, names in (
        ("--full-refresh", pipeline["full_refresh"]),
        ("--refresh", pipeline["refresh"]),
    ):
        if names:
            arguments += [option, ",".join(str(name) for name in names)]
    return arguments


def describe_failure(messages: list[str]) -> str:
    """Return the cause of a failed update, and what to do about it.

    :param messages: of Spark's events, and of its error, which often names no cause.
    """
    errors = [each for each in messages if "\nError:" in each]
    # A flow that reads another one fails too, and may be named first.
    causes = [each for each in errors if "due to upstream failure" not in each]
    cause = [*causes, *errors, messages[-1]][0].strip()
    advice = (text for pattern, text in _ADVICE.items() if re.search(pattern, cause))
    lines = cause.split("\n")
    described = lines[:2]
    if lines[1:2] and "Traceback (most recent call last)" in lines[1]:
        # The error of Python comes after the trace, whose lines are indented.
        described += [each for each in lines[2:] if each[:1].strip()][:1]
    return " ".join([*list(advice)[:1], *described])


def find_frames(
    frames: types.TracebackType | None, files: tuple[str, ...]
) -> types.TracebackType | None:
    """Return the frames from the first one in one of the files on; all if there is none."""
    found = frames
    while found is not None and not found.tb_frame.f_code.co_filename.startswith(files):
        found = found.tb_next
    return found or frames


def define(file: str) -> None:
    """Run a file of the pipeline in its own folder, and register the tables that it defines.

    The file imports modules from there too, as the notebooks of public bundles do.
    """
    folder = os.getcwd()
    os.chdir(os.path.dirname(file))
    if os.path.dirname(file) not in sys.path:
        sys.path.append(os.path.dirname(file))
    try:
        _define(file)
    finally:
        os.chdir(folder)


def _define(file: str) -> None:
    from ..notebook import read_cells, run_cell

    dbutils, session = _state["dbutils"], _state["session"]
    with open(file, encoding="utf-8-sig") as stream:
        text = stream.read()
    names = {
        "__name__": Path(file).stem,
        "__file__": file,
        **dbutils.notebook_names(),
        "spark": session,
    }
    if is_notebook_file(file):
        for cell in read_cells(file):
            if cell.language == "sql":
                _register_sql("\n" * cell.line + cell.text, file)
            else:
                run_cell(cell, file, names)
    elif Path(file).suffix == ".sql":
        _register_sql(text, file)
    else:
        exec(compile(text, file, "exec", dont_inherit=True), names)  # noqa: S102 (its purpose)
    _state["api"].register()


def _register_sql(text: str, file: str) -> None:
    registry = import_module("pyspark.pipelines.graph_element_registry")
    translated, lost = to_spark(text, _state["catalogs"])
    if lost:
        print(f"{file}: Expectations are not checked here: {', '.join(lost)}.", file=sys.stderr)
    for name in find_tables(translated):
        _state["definitions"].note_table(name)
    if "read_files" in translated.lower():
        translated = ";".join(map(_define_files, split_statements(remove_comments(translated))))

    def register(statements: str) -> None:
        registry.get_active_graph_element_registry().register_sql(statements, Path(file))

    translated = _state["api"].changes.take(text, translated, register, _state["session"].sql)
    if translated.strip():
        register(translated)


def _define_files(statement: str) -> str:
    """Replace each call of ``read_files``, which Spark lacks, by the name of a view."""
    from pyspark.sql import functions

    from ..spark.data_files import list_files
    from ..spark.read_files import FILES, find_format, read_options, replace_calls

    has_metadata = "_metadata" in statement
    views: list[str] = []

    def define(arguments: list[str], before: str) -> str:
        evaluate = partial(read_literal, configuration=_state["configuration"])
        path, options = read_options(arguments, evaluate)
        name = f"{FILES}{next(_state['numbers'])}_"
        is_stream = re.search(r"\bSTREAM[\s(]*$", before, re.IGNORECASE)
        schema, hints = options.pop("schema", None), options.pop("cloudFiles.schemaHints", "")
        if (file_format := options.pop("cloudFiles.format", None)) is None:
            file_format = find_format(list_files(str(_state["api"].paths.translate_uri(path))))
        if options.pop("cloudFiles.inferColumnTypes") == "true":
            options.setdefault("inferSchema", "true")

        def query() -> Any:
            session = _state["session"]
            reader = session.readStream if is_stream else session.read
            reader = reader.format(file_format).options(**options)
            frame = (reader.schema(schema) if schema else reader).load(path)
            for each in re.split(r",(?![^<(]*[>)])", hints) if hints else ():
                column, kind = each.split(None, 1)
                casted = functions.expr(f"try_cast({column} AS {kind})")
                frame = frame.withColumn(column.strip("`"), casted)
            return frame.select("*", "_metadata") if has_metadata else frame

        views.append(name)
        import_module("pyspark.pipelines").temporary_view(name=name)(query)
        return name

    replaced = replace_calls(statement, define)
    for view in views if has_metadata else ():
        replaced = hide_metadata(replaced, view)
    return replaced


def _create_samples(session: Any) -> None:
    _, schema, view = TRIPS.split(".")
    session.sql(f"CREATE DATABASE IF NOT EXISTS {schema}")
    session.sql(f"CREATE OR REPLACE VIEW {schema}.{view} AS {SPARK_SAMPLES[TRIPS]['text']}")


def _set_python(files: list[str]) -> None:
    """Let functions of Python that Java calls run as the code of the pipeline does."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    folders = dict.fromkeys([*sys.path, *map(os.path.dirname, files)])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))


def _start_session(folder: Path) -> Any:
    from pyspark.sql import SparkSession

    # It sets all settings once more in the running session, and warns of those that it cannot.
    warnings.filterwarnings("ignore", "Failed to set spark")
    builder = SparkSession.builder
    if "SPARK_REMOTE" not in os.environ:
        from pyspark.sql.connect.client import core

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        channel: Any = core.DefaultChannelBuilder
        channel.default_port = staticmethod(lambda: port)
        settings = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(port),
            "spark.local.dir": str(folder),
            "spark.ui.showConsoleProgress": "false",
            **_SETTINGS,
        }
        builder = builder.remote("local[*]")
        for name, value in settings.items():
            builder = builder.config(name, value)
    return builder.getOrCreate()


def _share_tables(session: Any, pipeline: dict[str, Any], definitions: Definitions) -> None:
    """Read the tables of Sail, if it runs the other tasks, and let it read those of the update."""
    folder = os.environ.get("LAKEFLOW_LOCAL_SAIL_FOLDER")
    if folder is None:
        return
    tables = SailTables(folder, session, pipeline)
    tables.offer()
    definitions.refuse_taken = tables.refuse_taken
    stop = session.stop  # ends the update

    def share_and_stop() -> None:
        try:
            for schema in definitions.schemas:
                # If a file fails, the update has not begun.
                if session.catalog.databaseExists(schema):
                    add_tables(folder, session, pipeline["catalog"], schema)
        finally:
            stop()

    session.stop = share_and_stop


def _record_events() -> list[str]:
    """Return the list of the messages that Spark is going to print."""
    module = import_module("pyspark.pipelines.spark_connect_pipeline")
    log = module.log_with_provided_timestamp
    events: list[str] = []

    def log_and_keep(message: str, *args: Any) -> None:
        events.append(message)
        log(message, *args)

    module.log_with_provided_timestamp = log_and_keep  # type: ignore[attr-defined]
    return events
