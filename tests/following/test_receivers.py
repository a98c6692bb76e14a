"""Receivers of signals: their names in the record."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from blinker import NamedSignal
from flask import Flask

from flask_lakeflow_jobs.following.receivers import Receivers, name_receivers, receiver_name
from tests.run_documents import build_job


def receive(_: Flask, **__: Any) -> None:
    """A receiver in a module."""


class Callables:
    def method(self, _: Flask, **__: Any) -> None: ...

    def __call__(self, _: Flask, **__: Any) -> None: ...


@pytest.mark.parametrize(
    ("receiver", "name"),
    [
        (receive, "receive"),
        (partial(receive, extra=1), "receive"),
        (Callables().method, "Callables.method"),
        (Callables(), "Callables"),
    ],
)
def test_receiver_name_is_module_and_qualified_name(receiver: Any, name: str) -> None:
    assert receiver_name(receiver) == f"{__name__}.{name}"


def test_name_receivers_numbers_equal_names_in_the_order_of_connection() -> None:
    signal, app = NamedSignal("s"), Flask("app")
    receivers = [lambda _, number=number, **__: number for number in range(20)]
    for receiver in receivers:
        signal.connect(receiver)
    names = name_receivers(signal, app)
    assert [*names.values()] == receivers
    assert [name.rpartition("<lambda>")[2] for name in names] == [
        "",
        *(f"#{number}" for number in range(2, 21)),
    ]


def test_name_receivers_leaves_out_those_of_other_apps() -> None:
    signal, app, other = NamedSignal("s"), Flask("app"), Flask("other")
    signal.connect(receive, other)
    assert name_receivers(signal, app) == {}
    assert [*name_receivers(signal, other).values()] == [receive]


class OwnReceiver:
    def select(self, _: object) -> list[str]:
        return ["own"]

    def find(self) -> dict[str, Any]:
        return {"own": receive}


def test_receivers_of_the_extension_get_ends_and_no_repairs() -> None:
    signals = {name: NamedSignal(name) for name in ("run_finished", "run_repaired")}
    jobs = {"etl": build_job("etl")}
    receivers = Receivers(Flask("app"), signals, jobs, lambda _: NotImplemented, [OwnReceiver()])
    assert receivers.find() == {("run_finished", "own"): receive}
    assert receivers.prepare("run_finished", {"job": "etl"}) == (["own"], '{"job": "etl"}')
    assert receivers.prepare("run_repaired", {"job": "etl"}) == ([], None)
