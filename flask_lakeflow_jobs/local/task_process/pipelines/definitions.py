"""Collects what the files of a pipeline define, and gives it to Spark in stages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..spark.language.sql_names import quote_part
from ..sql_statements import split_statements
from ..sql_syntax import split_name
from .pipeline_api import PipelineApi
from .pipeline_sql import read_insert, read_setting
from .stages import Element, Stages, inline, iter_reads

_ABOUT_PLANS = ("schema", "is_streaming", "tree_string")


class NotKnownYet(BaseException):
    """A function asks about a table that the pipeline may define later; it must not catch this."""


class PlanAnalysis:
    """The analysis of plans in functions of tables, which Spark refuses.

    The tables of the pipeline do not exist yet. In a plan to analyze, their own plans take their
    place.

    :param client: of Spark Connect.
    :param path: returns a name with its schema.
    """

    def __init__(self, client: Any, path: Callable[[str], str]) -> None:
        self._client = client
        self._path = path
        #: The plans of tables by name.
        self.plans: dict[str, Any] = {}
        #: The names of all tables of the pipeline; ``None`` while more of them may follow.
        self.defined: set[str] | None = None
        #: The names of those whose functions wait for others.
        self.pending: set[str] = set()

    def install(self) -> None:
        """Answer in place of Spark."""
        client, analyze = self._client, self._client._analyze

        def _analyze(method: str, **options: Any) -> Any:
            extensions = getattr(client.thread_local, "user_context_extensions", None)
            if not extensions or not (method == "ddl_parse" or self._can_answer(method, options)):
                return analyze(method, **options)
            if "plan" in options:
                options["plan"] = inline(options["plan"], self.plans, self._path, is_eager=True)
            client.thread_local.user_context_extensions = []
            try:
                return analyze(method, **options)
            finally:
                client.thread_local.user_context_extensions = extensions

        client._analyze = _analyze

    def _can_answer(self, method: str, options: dict[str, Any]) -> bool:
        if method not in _ABOUT_PLANS:
            return False
        names, words = set(), set()
        for name, text, _ in iter_reads(options["plan"]):
            names |= {self._path(name)} if name else set()
            words |= set(re.findall(r"\w+", text.lower()))
        unknown = names - self.plans.keys() | names & self.pending
        if unknown & self.pending or (self.defined is None and (unknown or words)):
            raise NotKnownYet
        defined = self.defined or set()
        return not (unknown & defined or any(each.rpartition(".")[2] in words for each in defined))


class Definitions:
    """The definitions of a pipeline, in place of Spark's own registry.

    :param schema: of names without one.
    """

    def __init__(self, session: Any, api: PipelineApi, schema: str) -> None:
        self.schemas = {schema}
        self.refuse_taken: Callable[[str], None] = lambda name: None
        self._session = session
        self._api = api
        self._stages = Stages(api.changes.path)
        self._analysis = PlanAnalysis(session.client, api.changes.path)
        self._waiting: list[tuple[str, Callable[[], None]]] = []
        self._later: list[list[Element]] = []
        self._create_graph: Callable[[], str] = str
        # Only the pyspark of these tasks has them.
        from pyspark.pipelines import cli
        from pyspark.pipelines import spark_connect_graph_element_registry as registries

        self._cli, self._registries = cli, registries
        self._registry = registries.SparkConnectGraphElementRegistry
        # What Spark does, in place of which this object is installed.
        self._define, self._start = cli.register_definitions, cli.start_run
        self._create = cli.create_dataflow_graph
        self._register_output = self._registry.register_output
        self._register_flow = self._registry.register_flow
        self._register_sql = self._registry.register_sql

    def note_table(self, name: str) -> None:
        """Note the schema of a table that the pipeline defines."""
        self.refuse_taken(name)
        self.schemas |= set(split_name(name)[-2:-1])

    def install(self) -> None:
        """Let the command of Spark collect the definitions before it registers them."""
        self._registry.register_output = lambda graph, output: self._add_output(output)
        self._registry.register_flow = lambda graph, flow: self._add_flow(graph, flow)
        self._registry.register_sql = lambda graph, *args: self._add_sql(graph, *args)
        self._cli.register_definitions = self._register_all
        self._cli.create_dataflow_graph = self._create_first_graph
        self._cli.start_run = self._start_stages
        self._analysis.install()

    def _add_output(self, output: Any) -> None:
        from pyspark.pipelines.output import Table, TemporaryView

        if isinstance(output, Table):
            self.note_table(output.name)
        self._stages.add_output(
            output.name,
            lambda graph: self._register_output(graph, output),
            is_view=isinstance(output, TemporaryView),
        )

    def _add_flow(self, graph: Any, flow: Any) -> None:
        with self._registries.add_pipeline_analysis_context(
            spark=self._session,
            dataflow_graph_id=graph._dataflow_graph_id,
            flow_name=flow.name,
        ):
            try:
                plan = flow.func()._plan.plan(self._session.client)
            except NotKnownYet:
                self._waiting.append((flow.target, partial(self._add_flow, graph, flow)))
                return

        def register(graph: Any, query: Any) -> None:
            # A table has one flow of its own name, to which its checkpoint belongs.
            self._register_flow(graph, dataclasses.replace(flow, name=flow.target, func=query))

        self._stages.add_flow(flow.name, flow.target, plan, register)

    def _add_sql(self, graph: Any, text: str, path: Path) -> None:
        from pyspark.pipelines.flow import Flow
        from pyspark.pipelines.source_code_location import SourceCodeLocation

        rest: list[str] = []
        place = SourceCodeLocation(str(path), None)
        for each in split_statements(text):
            insert = read_insert(each)
            # Settings before it would be lost.
            if insert is None or any(read_setting(other) for other in rest):
                rest.append(each)
            else:
                name, target, query = insert
                read = partial(self._session.sql, query)
                self._add_flow(graph, Flow(name, target, {}, place, read))
        self._stages.add_statements(rest, lambda graph, each: self._register_sql(graph, each, path))

    def _register_all(self, spec: Any, graph: Any, *args: Any) -> None:
        """Run the files of the pipeline, and register the first stage of what they define."""
        from pyspark.pipelines.graph_element_registry import graph_element_registration_context

        self._define(spec, graph, *args)
        self._add_waiting()
        with graph_element_registration_context(graph):
            self._api.finish()
        first, *self._later = self._stages.arrange()
        for each in first:
            each.register(graph)

    def _create_first_graph(self, *args: Any, **options: Any) -> Any:
        self._create_graph = partial(self._create, *args, **options)
        return self._create_graph()

    def _start_stages(self, spark: Any, graph_id: str, **options: Any) -> Iterator[Any]:
        """Update the first stage, then each later one in a graph of its own; yield the events."""
        for option in ("refresh", "full_refresh"):
            names = map(self._api.name, options[option])
            options[option] = self._api.changes.add_logs([*names])
        for each in self.schemas:
            spark.sql(f"CREATE DATABASE IF NOT EXISTS {quote_part(each)}")
        yield from self._start(spark, graph_id, **options)
        for stage in self._later:
            graph = self._registry(spark, self._create_graph())
            for element in stage:
                element.register(graph)
            yield from self._start(spark, graph._dataflow_graph_id, **options)

    def _add_waiting(self) -> None:
        """Add the flows whose functions ask about other tables, each after those."""
        analysis, changes = self._analysis, self._api.changes
        is_progress = True
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            targets = {changes.path(target) for target, _ in waiting}
            analysis.plans = self._stages.list_plans()
            analysis.defined = self._stages.names | changes.targets | targets
            analysis.pending = targets if is_progress else set()
            for _, add in waiting:
                add()
            is_progress = len(self._waiting) < len(waiting)
