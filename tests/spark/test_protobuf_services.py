"""Services of protobuf that the packages of tasks have; its newest version comes with Spark."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.runtime_modules import RuntimeModules


def test_services_that_an_older_protobuf_has_generated_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """mlflow 2 has some; the protobuf that Spark needs lacks their base."""
    names = ("descriptor_pb2", "descriptor_pool", "message_factory", "service_reflection")
    protos, pools, messages, services = (
        importlib.import_module(f"google.protobuf.{name}") for name in names
    )
    file = protos.FileDescriptorProto(name="runs.proto", package="runs")
    file.message_type.add(name="Ask")
    file.service.add(name="Runs").method.add(
        name="ask", input_type=".runs.Ask", output_type=".runs.Ask"
    )
    pool = pools.DescriptorPool()
    pool.Add(file)
    service = pool.FindServiceByName("runs.Runs")
    request = messages.GetMessageClass(service.methods[0].input_type)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    dbutils: Any = None
    RuntimeModules(dbutils).install()
    base = importlib.import_module("google.protobuf.service").Service
    runs = services.GeneratedServiceType("Runs", (base,), {"DESCRIPTOR": service})
    assert runs().GetRequestClass(service.methods[0]) is request
