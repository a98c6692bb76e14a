"""Names of Databricks' pipelines, on a stand-in of Spark's."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines import pipeline_api
from flask_lakeflow_jobs.local.task_process.pipelines.expectations import EXPECTATIONS, as_query
from flask_lakeflow_jobs.local.task_process.pipelines.pipeline_api import (
    NotInSpark,
    PipelineApi,
    is_stream,
)


class Frame:
    """A DataFrame that notes its conditions."""

    def __init__(self, *conditions: str) -> None:
        self.conditions = conditions

    def where(self, condition: str) -> Frame:
        return Frame(*self.conditions, condition)


class Message:
    """A message of Spark Connect with these fields."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def ListFields(self) -> list[Any]:  # noqa: N802 (its name in protobuf)
        return [(SimpleNamespace(name=name), value) for name, value in self._fields.items()]


class Messages(list[Message]):
    """A repeated field."""

    add = None


def orders() -> Frame:
    return Frame()


@pytest.fixture
def registered() -> list[Any]:
    return []


@pytest.fixture
def api(registered: list[Any]) -> PipelineApi:
    session = SimpleNamespace(
        table=lambda name: f"table {name}",
        readStream=SimpleNamespace(table=lambda name: f"stream {name}"),
    )
    return PipelineApi(session, frozenset({"dev"}), {}, "sales")


@pytest.fixture
def functions(api: PipelineApi, registered: list[Any]) -> dict[str, Any]:
    def materialized_view(*, name: str = "", comment: str = "") -> Any:
        return lambda query: registered.append((name or query.__name__, comment, query()))

    def append_flow(*, target: str, name: str | None = None) -> Any:
        return lambda query: registered.append(
            (target, name if target.startswith("`__") else query())
        )

    def create_streaming_table(name: str, *, comment: str = "") -> None:
        registered.append((name, comment))

    return api.functions(
        SimpleNamespace(
            table=materialized_view,
            materialized_view=materialized_view,
            temporary_view=materialized_view,
            append_flow=append_flow,
            create_streaming_table=create_streaming_table,
            create_sink=create_streaming_table,
            create_auto_cdc_flow=create_streaming_table,  # of Spark 4.2
        )
    )


@pytest.mark.parametrize(
    ("decorator", "conditions"),
    [
        (EXPECTATIONS["expect"]("a", "n > 0"), ()),
        (EXPECTATIONS["expect_or_drop"]("a", "n > 0"), ("n > 0",)),
        (EXPECTATIONS["expect_all_or_drop"]({"a": "n > 0", "b": "m > 0"}), ("n > 0", "m > 0")),
        (
            EXPECTATIONS["expect_or_fail"]("a", "t > 'x'"),
            (
                (
                    "CASE WHEN t > 'x' THEN true ELSE raise_error("
                    "'A row violates the expectation a: t > \\'x\\'') END"
                ),
            ),
        ),
    ],
)
def test_expectation_is_a_filter(decorator: Any, conditions: tuple[str, ...]) -> None:
    query = decorator(orders)
    assert query().conditions == conditions
    assert query.__name__ == "orders"
    assert as_query(query) is query


def test_decorators_register_later_with_all_expectations(
    api: PipelineApi, functions: dict[str, Any], registered: list[Any]
) -> None:
    query = functions["materialized_view"](orders)  # below an expectation, and without arguments
    functions["expect_or_drop"]("a", "n > 0")(query)
    functions["view"](name="dev.sales.large", comment="c", temporary=True)(orders)
    functions["append_flow"](target="LIVE.all")(orders)
    assert registered == []
    api.register()
    api.register()
    names = [(*rest, frame.conditions) for *rest, frame in registered]
    assert names == [("orders", "", ("n > 0",)), ("sales.large", "c", ()), ("all", ())]


def test_functions_of_databricks_have_equals_or_say_that_they_have_none(
    api: PipelineApi,
    functions: dict[str, Any],
    registered: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    functions["create_target_table"]("dev.sales.all", comment="c", path="/x")
    api.finish()
    assert registered == [("sales.all", "c")]
    assert "create_streaming_table of Spark has no path, which" in capsys.readouterr().err
    assert functions["read"]("a") == "table a"
    assert functions["read_stream"]("a") == "stream a"
    with pytest.raises(NotInSpark, match="Spark's pipelines have no foreach_batch_sink here"):
        functions["foreach_batch_sink"](name="t")

    def watch(event: Any) -> None:
        raise AssertionError

    for decorate in (functions["on_event_hook"], functions["on_event_hook"](max_failures=2)):
        assert decorate(watch) is watch
        assert "no events, so watch is not called" in capsys.readouterr().err


CHANGES: dict[str, Any] = {"target": "t", "source": "s", "keys": ["id"], "sequence_by": "at"}


def test_target_of_changes_is_a_view_over_their_log(
    api: PipelineApi, functions: dict[str, Any], registered: list[Any]
) -> None:
    column = SimpleNamespace(_expr=SimpleNamespace(_unparsed_identifier="`an id`"))
    keys = CHANGES | {"keys": [column], "stored_as_scd_type": "2", "target": "dev.sales.T"}
    functions["apply_changes"](**keys)
    functions["create_streaming_table"](name="t", comment="c")
    api._session.sql = str
    api.finish()
    (log, _), flow, (name, comment, query) = registered
    assert log == "`__apply_changes_storage_t`"
    assert flow == (log, log)  # Spark names a flow without a name after its function
    assert (name, comment) == ("t", "c")
    assert "PARTITION BY `an id` ORDER BY" in query
    assert "__END_AT" in query
    assert api.changes.add_logs(["T", "other"]) == ["T", "other", "`__apply_changes_storage_T`"]


def test_target_of_snapshots_is_a_view_of_the_last_one(
    api: PipelineApi, functions: dict[str, Any], registered: list[Any]
) -> None:
    api._session.sql = str
    functions["create_streaming_table"]("t")
    functions["apply_changes_from_snapshot"]("t", "dev.sales.S", ["id"])
    with pytest.raises(ValueError, match="Write one flow from snapshots into t, and no other"):
        functions["create_auto_cdc_flow"](**CHANGES)
    with pytest.raises(ValueError, match="Write one flow from snapshots into t, and no other"):
        functions["apply_changes_from_snapshot"]("t", "s", ["id"])
    api.finish()
    ((_, _, query),) = registered
    assert "count(*) OVER (PARTITION BY `id`) AS __count FROM sales.S)" in query


@pytest.mark.parametrize(
    "options",
    [
        {"stored_as_scd_type": "2"},
        {"source": print},
        {"track_history_column_list": ["a"]},
    ],
)
def test_flow_that_needs_earlier_snapshots_is_refused(
    functions: dict[str, Any], options: dict[str, Any]
) -> None:
    arguments = {"target": "t", "source": "s", "keys": ["id"]} | options
    with pytest.raises(NotInSpark, match="The local workspace keeps no earlier snapshots"):
        functions["create_auto_cdc_from_snapshot_flow"](**arguments)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"once": True}, "has no once in a flow of changes. Leave it out, and"),
        ({"ignore_null_updates": True, "x": 1}, "has no x, ignore_null_updates in a flow"),
        ({"stored_as_scd_type": 3}, "stored_as_scd_type is 1 or 2, not 3."),
        ({"keys": "id"}, r"Write a list of columns for keys: keys=\['id'\]."),
        ({"keys": [SimpleNamespace()]}, "Name the columns of keys: an expression has no name."),
        ({"keys": []}, "Name at least one key"),
        ({"column_list": ["a"], "except_column_list": ["b"]}, "or those to leave out, not both"),
        ({"track_history_column_list": ["a"]}, "Store the changes as SCD type 2, or track no"),
        ({"apply_as_truncates": "a", "stored_as_scd_type": 2}, "Leave out the changes that trunc"),
        ({"keys": ["other"]}, "Name the same keys, columns and SCD type in all flows"),
    ],
)
def test_changes_without_an_equal_are_refused(
    functions: dict[str, Any], options: dict[str, Any], error: str
) -> None:
    if "apply_as_truncates" not in options:
        functions["create_auto_cdc_flow"](**CHANGES)
    with pytest.raises((NotInSpark, TypeError, ValueError), match=error):
        functions["create_auto_cdc_flow"](**CHANGES | options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (None, "Create the streaming table t, into which a flow writes changes, with create_str"),
        ({"expect_all_or_drop": {"a": "n > 0"}}, "Put the expectations of t on the table or view"),
    ],
)
def test_target_of_changes_exists_and_checks_no_rows(
    api: PipelineApi, functions: dict[str, Any], options: dict[str, Any] | None, error: str
) -> None:
    functions["create_auto_cdc_flow"](**CHANGES)
    if options is not None:
        functions["create_streaming_table"]("t", **options)
    with pytest.raises(ValueError, match=error):
        api.finish()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(), False),
        (Message(read=Message(is_streaming=True)), True),
        (Message(join=Message(left=Message(), right=Message(is_streaming=True))), True),
        (Message(inputs=Messages([Message(), Message(is_streaming=True)])), True),
        (Message(names=["is_streaming"], read=Message(is_streaming=False)), False),
        (Message(sql=Message(query="SELECT * FROM STREAM(t)")), True),
        (Message(sql=Message(query="SELECT * FROM streams")), False),
    ],
)
def test_plan_is_a_stream_if_a_part_reads_one(message: Any, expected: bool) -> None:
    assert is_stream(message) is expected


def test_readers_take_the_name_of_a_table_by_its_keyword() -> None:
    class Reader:
        def table(self, tableName: str) -> str:  # noqa: N803 (its name in pyspark)
            return tableName

        def load(self, path: str) -> str:
            return path

    class Stream(Reader):
        format = option = options = None

    class Session(Reader):
        read, readStream = Reader(), Stream()  # noqa: N815

        def sql(self, text: str) -> str:
            return text

    session = Session()
    PipelineApi(session, frozenset({"dev"}), {}, "sales")._extend_readers()
    for reader in (session, session.read, session.readStream):
        assert reader.table(tableName="dev.sales.orders") == reader.table("sales.orders")


def test_files_of_a_pipeline_may_change_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    class Owner:
        def set(self) -> str:
            return "set"

        def register(self) -> str:
            return "registered"

    session, pipelines = SimpleNamespace(conf=Owner(), udf=Owner()), ModuleType("pipelines")
    api = PipelineApi(session, frozenset(), {}, "sales")
    monkeypatch.setattr(pipeline_api, "import_module", lambda name: pipelines)
    monkeypatch.setattr(api, "functions", lambda module: {})
    monkeypatch.setattr(api, "_extend_readers", lambda: None)
    monkeypatch.setitem(sys.modules, "dlt", pipelines)
    api.install()
    for name in ("set", "register"):  # as Spark does around each file
        setattr(Owner, name, None)
    api.allow_changes()
    assert (session.conf.set(), session.udf.register()) == ("set", "registered")
