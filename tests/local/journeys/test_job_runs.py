"""A run from its start to its end: states, parameters, outputs."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tests.local.conftest import Serve
from tests.local.support import (
    depends_on,
    is_running,
    notebook_task,
    python_task,
    state_fields,
    task_results,
)
from tests.support import wait_until

NOTHING = {"main.py": "pass"}


def test_successful_run_has_states_times_and_output(serve: Serve) -> None:
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": "print('hello')"})
    run = client.run("etl")
    (task,) = run.tasks or []
    assert state_fields(run) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert state_fields(task) == ("TERMINATED", "SUCCESS", "SUCCESS")
    assert run.job_id == client.job_ids["etl"]
    place = f"{client.address.host}/?o={client.sdk.get_workspace_id()}#job/{run.job_id}/run/"
    assert (run.run_page_url, task.run_page_url) == (
        f"{place}{run.run_id}",
        f"{place}{task.run_id}",
    )
    assert run.run_name == "etl"
    assert run.trigger is not None
    assert run.trigger.value == "ONE_TIME"
    assert run.start_time is not None
    assert run.end_time is not None
    assert run.run_duration == run.end_time - run.start_time
    assert task.execution_duration
    assert (run.setup_duration, run.execution_duration, run.cleanup_duration) == (
        task.setup_duration,
        task.execution_duration,
        0,
    )
    output = client.outputs(run)["main"]
    assert output.logs == "hello\n"
    assert output.logs_truncated is False
    assert output.error is None
    assert output.notebook_output is None
    assert output.metadata is not None
    assert output.metadata.run_id == task.run_id


def test_failed_run_has_error_and_trace(serve: Serve) -> None:
    client = serve(
        {
            "etl": {
                "tasks": [python_task("main"), python_task("next", depends_on=depends_on("main"))]
            }
        },
        {
            "main.py": """
                def load():
                    raise ValueError("no rows")

                load()
            """
        },
    )
    run = client.run("etl")
    main, following = run.tasks or []
    assert (run.setup_duration, run.execution_duration, run.cleanup_duration) == (0, 0, 0)
    assert state_fields(run) == ("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR")
    assert run.state is not None
    assert run.state.state_message == (
        "Task main failed with message: Workload failed, see run output for details. "
        "This caused all downstream tasks to get skipped."
    )
    assert run.status is not None
    assert run.status.state is not None
    assert run.status.state.value == "TERMINATED"
    assert state_fields(main) == ("TERMINATED", "FAILED", "RUN_EXECUTION_ERROR")
    assert main.state is not None
    assert main.state.state_message == "Workload failed, see run output for details"
    assert state_fields(following) == ("SKIPPED", "UPSTREAM_FAILED", "SKIPPED")
    outputs = client.outputs(run)
    assert outputs["main"].error == "ValueError: no rows"
    trace = outputs["main"].error_trace
    assert trace is not None
    assert trace.startswith("Traceback (most recent call last):\n")
    assert 'main.py", line 4, in <module>\n    load()' in trace
    assert "task_process" not in trace
    assert outputs["next"].error is None


@pytest.mark.parametrize(
    ("code", "result", "error"),
    [
        ("import sys; sys.exit()", "SUCCESS", None),
        ("import sys; sys.exit(0)", "SUCCESS", None),
        ("import sys; sys.exit(3)", "FAILED", "SystemExit: 3"),
        ("import sys; sys.exit('bad input')", "FAILED", "SystemExit: bad input"),
        ("import os; os._exit(7)", "FAILED", "The task's process ended with exit code 7"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "FAILED",
            "The task's process was ended by the signal SIGKILL.",
        ),
        ("def f(:", "FAILED", "SyntaxError: invalid syntax"),
        ("raise KeyboardInterrupt", "FAILED", "KeyboardInterrupt"),
        ("input()", "FAILED", "EOFError"),
        ("raise ValueError('half \\ud800')", "FAILED", "ValueError: half \\ud800"),
        ("import sys; sys.stderr.close(); 1 / 0", "FAILED", "ZeroDivisionError"),
        # Files may have no byte more, as on a full disk.
        (
            "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (0, 0)); print('lost')",
            "FAILED",
            "The result of the task could not be written to ",
        ),
    ],
)
def test_python_task_ends_as_its_process_does(
    serve: Serve, code: str, result: str, error: str | None
) -> None:
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    run = client.run("etl")
    assert task_results(run) == {"main": result}
    output = client.outputs(run)["main"]
    if error is None:
        assert output.error is None
    else:
        assert output.error is not None
        assert output.error.startswith(error)


def test_output_may_hold_any_bytes(serve: Serve) -> None:
    code = """
        import os, subprocess, sys
        print("日本", sys.argv[1], "\\ud800")
        sys.stdout.buffer.write(b"\\xff\\n")
        sys.stdout.flush()
        os.write(2, b"\\x80\\n")
        subprocess.run(["echo", "from a child"], check=True)
    """
    task = python_task("main", "src/bÿtes.py", "{{job.parameters.wört}}")
    job = {"parameters": [{"name": "wört", "default": "ünï"}], "tasks": [task]}
    client = serve({"jöb": job}, {"src/bÿtes.py": code})
    logs = client.outputs(client.run("jöb"))["main"].logs
    assert logs == "日本 ünï \\ud800\n\ufffd\n\ufffd\nfrom a child\n"


def test_python_file_has_the_surroundings_of_databricks(serve: Serve) -> None:
    client = serve(
        {"etl": {"tasks": [python_task("main", "src/main.py", "--day", "{{job.parameters.day}}")]}}
        | {
            "with_day": {
                "parameters": [{"name": "day", "default": "1"}],
                "tasks": [python_task("main")],
            }
        },
        {
            "src/main.py": """
                import os, sys
                import cProfile
                import beside, pytest
                import at_root.module
                print(os.getcwd() == os.path.dirname(__file__), __name__, sys.argv[0] == __file__)
                print(sorted(name for name in os.environ if name.startswith("DATABRICKS_")))
                print(os.path.isdir(os.environ["LAKEFLOW_LOCAL_DATA"]))
                print(os.environ["MLFLOW_TRACKING_URI"].startswith("sqlite:////"))
                print("flask" in sys.modules, pytest.origin)
            """,
            "src/beside.py": "",
            "src/profile.py": "raise ImportError('cProfile imports another module of this name')",
            "src/pytest.py": "origin = 'beside the code'",
            "at_root/module.py": "",
            "main.py": "",
        },
    )
    run = client.run("etl", job_parameters={"day": "1"})
    assert client.outputs(run)["main"].logs == textwrap.dedent("""\
        True __main__ True
        ['DATABRICKS_HOST', 'DATABRICKS_RUNTIME_VERSION', 'DATABRICKS_TOKEN']
        True
        True
        False beside the code
    """)


PARAMETERS = [{"name": "day", "default": "monday"}, {"name": "place", "default": "here"}]


@pytest.mark.parametrize(
    ("fields", "logs"),
    [
        ({"job_parameters": {"day": "friday"}}, "['friday', 'here']\n"),
        ({"python_params": ["{{job.parameters.day}}"]}, "['monday']\n"),
    ],
)
def test_python_file_gets_parameters_with_references(
    serve: Serve, fields: dict[str, Any], logs: str
) -> None:
    job = {
        "parameters": PARAMETERS,
        "tasks": [
            python_task("main", "main.py", "{{job.parameters.day}}", "{{ job.parameters.place }}")
        ],
    }
    client = serve({"etl": job}, {"main.py": "import sys; print(sys.argv[1:])"})
    run = client.run("etl", **fields)
    assert client.outputs(run)["main"].logs == logs


def test_independent_tasks_run_at_the_same_time(serve: Serve) -> None:
    meet = """
        import os, sys, time
        here, there = sys.argv[1:]
        folder = os.environ["LAKEFLOW_LOCAL_DATA"]
        open(os.path.join(folder, here), "w").close()
        deadline = time.monotonic() + 120
        while not os.path.exists(os.path.join(folder, there)):
            assert time.monotonic() < deadline, "the other task never came"
            time.sleep(0.01)
    """
    tasks = [
        python_task("left", "main.py", "left", "right"),
        python_task("right", "main.py", "right", "left"),
        python_task("last", "last.py", depends_on=depends_on("left", "right")),
    ]
    client = serve({"etl": {"tasks": tasks}}, {"main.py": meet, "last.py": "pass"})
    run = client.run("etl")
    assert task_results(run) == {"left": "SUCCESS", "right": "SUCCESS", "last": "SUCCESS"}
    left, right, last = run.tasks or []
    assert last.start_time is not None
    assert last.start_time >= max(left.end_time or 0, right.end_time or 0)


def test_cancel_ends_a_process_with_its_children(serve: Serve) -> None:
    code = """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("asked to stop"), sys.exit(0)))
        grandchild = subprocess.Popen(["sleep", "1000"])
        print(grandchild.pid, flush=True)
        time.sleep(1000)
    """
    tasks = [python_task("main"), python_task("next", depends_on=depends_on("main"))]
    client = serve({"etl": {"tasks": tasks}}, {"main.py": code})
    run_id = client.start("etl")
    (main_id, _) = (task.run_id for task in client.jobs.get_run(run_id).tasks or [])
    assert main_id is not None
    logs = wait_until(lambda: client.jobs.get_run_output(main_id).logs, "the first line")
    assert logs is not None
    assert client.http("POST", "/api/2.2/jobs/runs/cancel", {"run_id": run_id}) == (200, {})
    run = client.finish(run_id)
    assert state_fields(run) == ("TERMINATED", "CANCELED", "USER_CANCELED")
    assert run.state is not None
    assert run.state.user_cancelled_or_timedout is True
    assert task_results(run) == {"main": "CANCELED", "next": "CANCELED"}
    assert client.outputs(run)["main"].logs == f"{logs}asked to stop\n"
    wait_until(lambda: not is_running(int(logs)), "the end of what the task had started")
    client.jobs.cancel_run(run_id)
    assert state_fields(client.jobs.get_run(run_id)) == ("TERMINATED", "CANCELED", "USER_CANCELED")


def test_child_process_ends_with_its_task(serve: Serve) -> None:
    code = """
        import subprocess
        quiet = subprocess.DEVNULL
        print(subprocess.Popen(["sleep", "1000"], stdout=quiet, stderr=quiet).pid)
    """
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    run = client.run("etl")
    assert state_fields(run)[1] == "SUCCESS"
    pid = int(client.outputs(run)["main"].logs or "")
    wait_until(lambda: not is_running(pid), "the end of what the task had started")


def test_task_values_reach_notebooks_and_references(serve: Serve) -> None:
    tasks = [
        notebook_task("count"),
        notebook_task("use", "use.py", depends_on=depends_on("count")),
        python_task(
            "print", "print.py", "{{tasks.count.values.rows}}", depends_on=depends_on("count")
        ),
        python_task(
            "unknown", "print.py", "{{tasks.count.values.nothing}}", depends_on=depends_on("count")
        ),
    ]
    client = serve(
        {"etl": {"tasks": tasks}},
        {
            "notebook.py": """
                # Databricks notebook source
                dbutils.jobs.taskValues.set("rows", 42)
                dbutils.jobs.taskValues.set(key="days", value=["mo", "tu"])
            """,
            "use.py": """
                # Databricks notebook source
                days = dbutils.jobs.taskValues.get(taskKey="count", key="days", debugValue=[])
                other = dbutils.jobs.taskValues.get("count", "other", default="none")
                # COMMAND ----------
                try:
                    dbutils.jobs.taskValues.get("count", "other")
                except ValueError as error:
                    dbutils.notebook.exit(f"{days} {other} {error}")
            """,
            "print.py": "import sys; print(sys.argv[1:])",
        },
    )
    run = client.run("etl")
    outputs = client.outputs(run)
    assert outputs["print"].logs == "['42']\n"
    assert outputs["use"].notebook_output is not None
    assert outputs["use"].notebook_output.result == (
        "['mo', 'tu'] none Task 'count' has set no value 'other'. It has set: rows, days. Set it "
        "there, or pass default=."
    )
    unknown = (run.tasks or [])[3]
    assert state_fields(unknown) == ("INTERNAL_ERROR", "FAILED", "INVALID_RUN_CONFIGURATION")
    assert unknown.state is not None
    assert "{{tasks.count.values.nothing}}" in (unknown.state.state_message or "")
