"""Tasks that call functions."""

from __future__ import annotations

from typing import Any

from tests.local.conftest import Serve
from tests.local.support import task_results


def operator(key: str, main: str, **parameters: str) -> dict[str, Any]:
    items = [{"name": name, "value": value} for name, value in parameters.items()]
    return {"task_key": key, "python_operator_task": {"main": main, "parameters": items}}


def test_operator_task_calls_its_function_and_locates_its_errors(serve: Serve) -> None:
    tasks = [
        operator("sent", "shop.jobs.send", day="mon", count="2"),
        operator("failed", "shop.jobs.fail"),
        operator("class", "shop.jobs.Sensor"),
    ]
    code = """
        def send(day: str, count: int):
            from databricks.sdk.runtime import dbutils  # takes two seconds

            print(day, count + 1)
            dbutils.jobs.taskValues.set("sent", count)
            return "dropped"

        def fail():
            raise ValueError("no day")

        class Sensor: ...
    """
    client = serve({"etl": {"tasks": tasks}}, {"shop/__init__.py": "", "shop/jobs.py": code})
    run = client.run("etl")
    outputs = client.outputs(run)
    assert task_results(run) == {"sent": "SUCCESS", "failed": "FAILED", "class": "FAILED"}, outputs
    assert outputs["sent"].logs == "mon 3\n"
    assert outputs["failed"].error == "ValueError: no day"
    assert 'shop/jobs.py", line 9, in fail' in str(outputs["failed"].error_trace)
    assert "run_operator" not in str(outputs["failed"].error_trace)
    assert "is a class, such as a sensor or an operator" in str(outputs["class"].error)
