"""Plans of Spark Connect, as the messages that go to the server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

# The numbers that pyspark gives the parts of a plan, and their places in the code.
_NUMBERS = ("common", "plan_id")


def list_messages(message: Any) -> Iterator[Any]:
    """Yield the messages of the fields of a message."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values = value.values()
        else:
            values = [value] if hasattr(value, "ListFields") else value
        yield from (each for each in values if hasattr(each, "ListFields"))


def walk(message: Any) -> Iterator[Any]:
    """Yield a message and all below it, the inner ones first."""
    for each in list_messages(message):
        yield from walk(each)
    yield message


def find_messages(message: Any, name: str) -> Iterator[Any]:
    """Yield the messages of a type at a message and below it, the inner ones first."""
    return (each for each in walk(message) if each.DESCRIPTOR.name == name)


def hash_plan(plan: Any) -> int:
    """Return a number of 32 bits that is the same for plans that are built alike."""
    unnumbered = type(plan)()
    unnumbered.CopyFrom(plan)
    for message in walk(unnumbered):
        for name in {*_NUMBERS} & {*message.DESCRIPTOR.fields_by_name}:
            message.ClearField(name)
    content = unnumbered.SerializeToString(deterministic=True)
    return int.from_bytes(hashlib.sha256(content).digest()[:4], "big", signed=True)


def list_inputs(message: Any) -> Iterator[Any]:
    """Yield the relations that a relation reads."""
    for each in list_messages(message):
        if each.DESCRIPTOR.name == "Relation":
            yield each
        else:
            yield from list_inputs(each)


def make_frame(session: Any, relation: Any) -> Any:
    """Return a frame of a relation, whose columns are known by their names only."""
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.plan import LogicalPlan

    plan: Any = LogicalPlan(None)
    plan.plan = lambda _: relation
    return DataFrame(plan, session)


@contextmanager
def name_frame(frame: Any) -> Iterator[str]:
    """Name a frame while the body runs, as no other task does that shares the session."""
    view = f"lakeflow_{uuid4().hex}"
    frame.createOrReplaceTempView(view)
    try:
        yield view
    finally:
        frame.sparkSession.catalog.dropTempView(view)


def union_frames(frames: list[Any]) -> Any:
    """Return the rows of frames, in a plan that is not deep: the server limits its depth."""
    half = len(frames) // 2
    if half == 0:
        return frames[0]
    return union_frames(frames[:half]).unionAll(union_frames(frames[half:]))
