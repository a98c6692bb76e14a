"""Updates a pipeline with Spark Declarative Pipelines, as ``spark-pipelines`` does.

Each file of the pipeline becomes a file of the run's folder that runs it. So its code may be a
notebook, and its errors name its own lines.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import types
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ..dbutils import DBUtils
from ..samples import SPARK_SAMPLES
from ..script import extend_import_path
from ..spark.language.sql_names import quote_part
from ..spark.tables.spark_catalog import add_tables
from . import definition_files
from .definitions import Definitions
from .pipeline_api import PipelineApi
from .sail_tables import SailTables

_SPEC = "spark-pipeline.yml"
_DEFINITIONS = "definitions"
_CATALOG = "spark_catalog"  # that of all tables
# By default, each stream would start 200 tasks for each batch.
_PARTITIONS = "spark.sql.shuffle.partitions"
_SETTINGS = {_PARTITIONS: "4", "spark.sql.streaming.schemaInference": "true"}
_MAX_RETRIES = 4  # takes some seconds; by default a call waits ten minutes for a Java that ended
# Patterns in the errors of Spark, and what to do about them.
_ADVICE = {
    r"PARSE_SYNTAX_ERROR.*'(GENERATED|DEFAULT)'": (
        "Leave GENERATED and DEFAULT out of the columns of the table, and compute their values in "
        "its query, or simulate the job (tag 'local_simulation'): Spark's pipelines have no such "
        "columns."
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
    r"INVALID_SCHEMA_OR_RELATION_NAME": (
        "Use only letters, digits and _ in the names of schemas and tables: Spark's pipelines take "
        "no other characters."
    ),
    r"UNRESOLVED_ROUTINE": (
        "Correct the name of the function, or simulate the job (its tag 'local_simulation'): Spark "
        "has none of this name, and only Databricks has some, such as ai_query."
    ),
    r"StatusCode\.UNAVAILABLE": (
        "Java has ended while the pipeline ran, perhaps for lack of memory. The log of the task "
        "has its last lines. Run the failed task again: flask jobs repair."
    ),
    r"UNABLE_TO_INFER_SCHEMA": (
        "Copy some files to the folder that the pipeline reads, in an earlier task or by hand: it "
        "has none, so Spark cannot know their columns."
    ),
}


class PipelineFailed(Exception):
    """An update that Spark has ended with an error."""

    __module__ = "builtins"  # errors name the class alone


def run_pipeline(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Update the ``pipeline`` of a payload."""
    pipeline = payload["pipeline"]
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    extend_import_path(payload, pipeline["root"])
    folder = Path(payload["result_file"]).parent
    os.chdir(folder)  # Spark leaves files in the working directory
    _set_python(pipeline["files"])
    session = _start_session(folder)
    if pipeline["has_samples"]:
        _create_samples(session)
    dbutils.serve_imports({})
    catalogs = frozenset(pipeline["catalogs"])
    api = PipelineApi(session, catalogs, payload["mounts"], pipeline["schema"])
    api.install()
    write_spec(folder, pipeline, payload["parameters"])
    sys.argv = list_update_arguments(folder / _SPEC, pipeline)
    events = _record_events()
    definitions = Definitions(session, api, pipeline["schema"])
    definitions.install()
    definition_files.current = definition_files.DefinitionFiles(
        api, definitions, dbutils, session, pipeline["catalogs"], payload["parameters"]
    )
    try:
        session.sql(f"CREATE DATABASE IF NOT EXISTS {quote_part(pipeline['schema'])}")
        _share_tables(session, pipeline, definitions)
        import_module("pyspark.pipelines.cli").main()
    except Exception as error:
        if type(error).__module__.startswith("pyspark."):
            raise PipelineFailed(describe_failure([*events, str(error)])) from error
        frames = find_frames(error.__traceback__, tuple(pipeline["files"]))
        raise error.with_traceback(frames) from error.__cause__


def _create_samples(session: Any) -> None:
    for name, sample in SPARK_SAMPLES.items():
        _, path = name.split(".", 1)
        if sample["type"] == "schema":
            session.sql(f"CREATE DATABASE IF NOT EXISTS {path}")
        else:
            session.sql(f"CREATE OR REPLACE VIEW {path} AS {sample['text']}")


def write_spec(folder: Path, pipeline: dict[str, Any], configuration: dict[str, str]) -> None:
    """Write the pipeline's spec, and a file for each of its definitions, into a folder."""
    settings = {**_SETTINGS, "pipelines.id": pipeline["id"], **configuration}
    if settings[_PARTITIONS].lower() == "auto":  # only Databricks has it
        settings[_PARTITIONS] = _SETTINGS[_PARTITIONS]
    spec = {
        "name": pipeline["name"],
        "storage": create_storage(folder, pipeline["id"]).as_uri(),
        "database": pipeline["schema"],
        "configuration": settings,
        "libraries": [{"glob": {"include": f"{_DEFINITIONS}/**"}}],
    }
    (folder / _SPEC).write_text(json.dumps(spec))  # JSON is YAML too
    definitions = folder / _DEFINITIONS
    definitions.mkdir()
    for number, file in enumerate(pipeline["files"]):
        stem = re.sub(r"\W", "_", Path(file).stem)
        text = f"from {definition_files.__name__} import current\n\ncurrent.define({file!r})\n"
        (definitions / f"d{number:04}_{stem}.py").write_text(text)


def create_storage(folder: Path, pipeline_id: str) -> Path:
    """Create the folder of a pipeline's checkpoints, and return it.

    All pipelines share the checkpoints of tables, which stay while their pipeline is renamed, or
    deleted and deployed again: a stream without its old checkpoint loses new rows. Those of sinks,
    which other pipelines may have too, are of the pipeline.

    :param folder: its parent, unless the workspace has one.
    """
    pipelines = Path(os.environ.get("LAKEFLOW_LOCAL_SPARK", folder)) / "pipelines"
    storage = pipelines / re.sub(r"[^\w-]", "_", pipeline_id)
    tables = pipelines / ".tables"
    checkpoints = storage / "_checkpoints"
    for each in (tables, checkpoints):
        each.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.symlink(tables, checkpoints / _CATALOG)
    return storage


def list_update_arguments(spec: Path, pipeline: dict[str, Any]) -> list[str]:
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
    session = builder.getOrCreate()
    policy = import_module("pyspark.sql.connect.client.retries").DefaultPolicy
    session.client.set_retry_policies([policy(max_retries=_MAX_RETRIES)])
    return session


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
