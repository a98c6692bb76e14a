"""Questions of functions of tables about columns, on a stand-in of the client of Spark Connect."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.pipelines.definitions import NotKnownYet, PlanAnalysis

from .test_stages import Message, read

CONTEXT = ["a function of a table"]


@pytest.fixture
def asked() -> list[tuple[str, Any, list[str]]]:
    """Calls of Spark's analysis: each with its method, its plan and the context it had."""
    return []


@pytest.fixture
def client(asked: list[tuple[str, Any, list[str]]]) -> SimpleNamespace:
    made = SimpleNamespace(thread_local=SimpleNamespace(user_context_extensions=CONTEXT))

    def analyze(method: str, plan: Any = None) -> None:
        asked.append((method, plan, made.thread_local.user_context_extensions))

    made._analyze = analyze
    return made


@pytest.fixture
def analysis(client: SimpleNamespace) -> PlanAnalysis:
    made = PlanAnalysis(client, str.lower)
    made.install()
    return made


def files(path: str) -> Message:
    return Message(read=Message(data_source=Message(path=path)))


def query(text: str) -> Message:
    return Message(sql=Message(query=text))


def test_tables_of_the_pipeline_are_known_by_their_plans(
    analysis: PlanAnalysis, client: SimpleNamespace, asked: list[Any]
) -> None:
    analysis.plans = {"a": files("/a"), "b": Message(filter=Message(input=read("A")))}
    analysis.defined = {"a", "b"}
    client._analyze("schema", plan=Message(root=read("B")))
    [(method, plan, context)] = asked
    assert (method, context) == ("schema", [])
    assert plan.root.filter.input.read.data_source.path == "/a"
    assert client.thread_local.user_context_extensions is CONTEXT


@pytest.mark.parametrize(
    ("plan", "defined", "pending", "context"),
    [
        (files("/a"), None, set(), []),
        (read("a"), None, set(), None),  # a later file may define it
        (query("SELECT 1"), None, set(), None),
        (read("a"), {"a", "b"}, {"a"}, None),
        (read("b"), {"b"}, {"b"}, None),  # another flow into it waits
        (read("a"), {"a", "b"}, set(), CONTEXT),  # SQL defines it, so Spark refuses the question
        (query("SELECT * FROM s.a"), {"s.a"}, set(), CONTEXT),
        (read("raw"), {"a", "b"}, {"a"}, []),
        (query("SELECT * FROM raw"), {"a", "b"}, {"a"}, []),
    ],
)
def test_other_tables_are_those_of_spark_or_wait(
    analysis: PlanAnalysis,
    client: SimpleNamespace,
    asked: list[Any],
    plan: Message,
    defined: set[str] | None,
    pending: set[str],
    context: list[str] | None,
) -> None:
    analysis.plans, analysis.defined, analysis.pending = {"b": files("/b")}, defined, pending
    if context is None:
        with pytest.raises(NotKnownYet):
            client._analyze("schema", plan=plan)
        assert asked == []
    else:
        client._analyze("schema", plan=plan)
        assert [each[2] for each in asked] == [context]


def test_other_questions_are_left_to_spark(
    analysis: PlanAnalysis, client: SimpleNamespace, asked: list[Any]
) -> None:
    plan = read("a")
    client._analyze("explain", plan=plan)
    client._analyze("ddl_parse")  # needs no table
    client.thread_local.user_context_extensions = []
    client._analyze("schema", plan=plan)
    assert asked == [("explain", plan, CONTEXT), ("ddl_parse", None, []), ("schema", plan, [])]
