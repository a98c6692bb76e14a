"""Streams on Sail: each start reads what is new, once."""

# ruff: noqa: E501  # lines of snippets

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.spark.support import check_snippets, read_advised, read_snippets

#: Functions of the snippets; ``begin`` comes before each of them.
BEGIN = """
import os

def begin():
    global name, source, checkpoint
    number = os.urandom(4).hex()
    name, source, checkpoint = f"dev.snippets.s{number}", f"{folder}/in{number}", f"{folder}/check{number}"
    os.mkdir(source)

def put(file, text):
    path = os.path.join(source, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)

def put_rows(number, *rows):
    put(f"{number}.json", "".join(json.dumps({"k": k, "n": n}) + "\\n" for k, n in rows))
    frame = spark.createDataFrame([*rows], "k STRING, n INT")
    frame.write.mode("append").saveAsTable(name + "_in")

def check(*rows):
    found = sorted(map(tuple, spark.table(name).collect()))
    assert found == [*rows], found
"""


def test_streams_read_what_is_new_or_say_what_to_do(workspaces: Callable[..., Any]) -> None:
    working, advised = read_snippets("streams", "streams_state"), read_advised("streams_refused")
    check_snippets(workspaces, working, advised, begin=BEGIN, prepare="begin()")
