"""Stages of a pipeline, on a stand-in of the messages of Spark Connect."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.pipeline_sql import find_defined
from flask_lakeflow_jobs.local.task_process.pipelines.stages import Stages


class Message:
    """A message of Spark Connect with these fields."""

    SET_OP_TYPE_UNION = 2

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Message:
        if name not in ("set_op", "left_input", "right_input"):
            raise AttributeError(name)
        made = self.__dict__[name] = Message()
        return made

    def ListFields(self) -> list[Any]:  # noqa: N802 (its name in protobuf)
        return [(SimpleNamespace(name=name), value) for name, value in vars(self).items()]

    def CopyFrom(self, other: Message) -> None:  # noqa: N802
        self.__dict__.clear()
        self.__dict__.update(deepcopy(vars(other)))


class Messages(list[Message]):
    """A repeated field."""

    add = None


def read(name: str) -> Message:
    return Message(read=Message(named_table=Message(unparsed_identifier=name)))


def drop(plan: Message) -> Message:
    return Message(drop=Message(input=plan, column_names=["a"]))


def arrange(
    flows: dict[str, Any], statements: list[str] | None = None, views: tuple[str, ...] = ()
) -> list[list[str]]:
    """Return the names that each stage registers; flows with the names that they read."""
    registered: list[str] = []

    def find(plan: Any) -> list[str]:
        if "named_table" in vars(plan):
            return [plan.named_table.unparsed_identifier]
        inner = [each for each in vars(plan).values() if isinstance(each, Message)]
        return [name for each in inner for name in find(each)]

    stages = Stages(lambda name: name.lower())
    for name, plan in flows.items():

        def add_output(_: Any, name: str = name) -> None:
            registered.append(name)

        stages.add_output(name, add_output, is_view=name in views)

        def add(_: Any, query: Any, name: str = name) -> None:
            registered.append(f"{name} < {' '.join(find(query()._plan.plan(None)))}")

        stages.add_flow(name, name, plan, add)
    stages.add_statements(statements or [], lambda _, text: registered.append(text))
    found = []
    for stage in stages.arrange():
        registered.clear()
        for element in stage:
            element.register(None)
        found.append(list(registered))
    return found


def test_flows_without_eager_methods_are_one_stage_in_their_order() -> None:
    flows = {"gold": read("Silver"), "silver": read("bronze"), "bronze": drop(read("elsewhere"))}
    statements = ["SET a = 1", "CREATE MATERIALIZED VIEW sums AS SELECT 1 FROM gold"]
    assert arrange(flows, statements) == [
        [
            "gold",
            "gold < Silver",
            "silver",
            "silver < bronze",
            "bronze",
            "bronze < elsewhere",
            "SET a = 1;CREATE MATERIALIZED VIEW sums AS SELECT 1 FROM gold",
        ]
    ]


def test_eager_methods_wait_for_the_tables_that_they_read() -> None:
    joined = Message(join=Message(left=read("a"), right=drop(read("b"))))
    flows = {"d": drop(read("c")), "c": joined, "b": read("a"), "a": read("x")}
    statements = ["CREATE MATERIALIZED VIEW s AS SELECT * FROM c", "CREATE TABLE x.y AS SELECT c"]
    assert arrange(flows, statements) == [
        ["b", "b < a", "a", "a < x", "CREATE TABLE x.y AS SELECT c"],
        ["c", "c < a b", "CREATE MATERIALIZED VIEW s AS SELECT * FROM c"],
        ["d", "d < c"],
    ]


def test_views_that_eager_methods_read_are_replaced_by_their_plans() -> None:
    flows = {"v": read("a"), "w": read("v"), "t": drop(read("w")), "u": read("v"), "a": read("x")}
    assert arrange(flows, views=("v", "w")) == [
        ["v", "v < a", "w", "w < v", "u", "u < v", "a", "a < x"],
        ["v", "v < a", "w", "w < v", "t", "t < a"],
    ]


def test_texts_of_sql_read_the_tables_that_they_name() -> None:
    sql = Message(sql=Message(query="SELECT * FROM main.A"))
    repeated = Message(set_op=Message(inputs=Messages([read("a"), drop(sql)])))
    assert arrange({"t": repeated, "s": sql, "a": read("x")}) == [
        ["s", "s < ", "a", "a < x"],
        ["t", "t < "],
    ]


def test_flows_into_one_table_are_one_flow_in_the_order_of_their_names() -> None:
    registered: list[Any] = []
    stages = Stages(str.lower)

    def add(_: Any, query: Any) -> None:
        registered.append(query()._plan.plan(None))

    stages.add_flow("west", "T", read("b"), add)
    stages.add_flow("east", "t", drop(read("a")), add)
    stages.add_flow("t", "other", read("x"), add)
    for element in stages.arrange()[0]:
        element.register(None)
    united, _ = registered
    assert (united.set_op.is_all, united.set_op.by_name, united.set_op.set_op_type) == (1, 1, 2)
    assert united.set_op.left_input.drop.input.read.named_table.unparsed_identifier == "a"
    assert united.set_op.right_input.read.named_table.unparsed_identifier == "b"


def test_table_with_a_query_takes_no_flow_besides() -> None:
    stages = Stages(str.lower)
    stages.add_flow("east", "t", read("a"), print)
    stages.add_statements(["CREATE STREAMING TABLE t AS SELECT 1"], print)
    with pytest.raises(ValueError, match="Create the table t without a query, and write a flow"):
        stages.arrange()


def test_tables_that_read_each_other_are_left_to_spark() -> None:
    assert arrange({"a": drop(read("b")), "b": drop(read("a"))}) == [["a", "a < b", "b", "b < a"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE TEMPORARY VIEW `a b` AS SELECT 1", (["`a b`"], True)),
        ("CREATE OR REPLACE VIEW s.v (n COMMENT 'x') AS SELECT 1", (["s.v"], True)),
        ("CREATE STREAMING TABLE s.t AS SELECT (CREATE VIEW v)", (["s.t"], False)),
        ("CREATE FLOW f AS INSERT INTO s.t BY NAME SELECT 1", (["s.t"], False)),
        ("SET a = 1", ([], False)),
    ],
)
def test_statement_defines_names(text: str, expected: tuple[list[str], bool]) -> None:
    assert find_defined(text) == expected
