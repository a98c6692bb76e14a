"""Notebooks run by a local workspace."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.jobs import RunOutput

from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task

HEADER = "# Databricks notebook source\n"


def notebook_client(serve: Serve, text: str, **files: str) -> Client:
    """A client of a workspace with a job of a notebook, and with other notebooks beside it."""
    others = {f"{name}.py": HEADER + content for name, content in files.items()}
    job = {"tasks": [notebook_task("main")]}
    return serve({"etl": job}, {"notebook.py": HEADER + text, **others})


def output_of(client: Client) -> RunOutput:
    """Run the notebook and return its output."""
    return client.outputs(client.run("etl"))["main"]


def result_of(client: Client, **fields: Any) -> str | None:
    """Run the notebook, which must succeed, and return its exit value."""
    run = client.run("etl", **fields)
    output = client.outputs(run)["main"]
    assert output.error is None, output.error_trace
    assert output.notebook_output is not None
    assert output.logs is None
    return output.notebook_output.result
