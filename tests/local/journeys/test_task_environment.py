"""The surroundings of a task: libraries, variables, secrets, files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import Serve
from tests.local.support import depends_on, notebook_task, python_task, task_results

HEADER = "# Databricks notebook source\n"
MODULE = {"src/shop/__init__.py": "", "src/shop/main.py": "def run(): print('sold')"}


def wheel(entry_point: str = "go", **more: Any) -> dict[str, Any]:
    body = {"package_name": "my-shop", "entry_point": entry_point}
    return {"task_key": "main", "python_wheel_task": body, **more}


PROJECT = '[project]\nname = "my_shop"\n[project.scripts]\ngo = "shop.main:run"'


def test_unbuilt_wheel_is_imported_from_its_project(serve: Serve) -> None:
    task = wheel(libraries=[{"whl": "./dist/*.whl"}])
    init = "from importlib.metadata import version\nprint(version('my-shop'))"
    files = {
        "pyproject.toml": f"{PROJECT}\n[tool.x]\nversion = '1.2'",
        **MODULE,
        "src/shop/__init__.py": init,
    }
    client = serve({"etl": {"tasks": [task]}}, files)
    output = client.outputs(client.run("etl"))["main"]
    assert output.logs == "1.2\nsold\n", output.error


def test_wheel_task_that_lists_no_wheel_runs_the_project_of_its_package(serve: Serve) -> None:
    # The image of its cluster contains the package, or a library of its cluster does.
    client = serve({"etl": {"tasks": [wheel()]}}, {"pyproject.toml": PROJECT, **MODULE})
    output = client.outputs(client.run("etl"))["main"]
    assert output.logs == "sold\n", output.error


@pytest.mark.parametrize("kind", ["python", "wheel", "wheel of a project"])
def test_error_about_a_wheel_that_is_not_there_names_it_first(
    serve: Serve, tmp_path: Path, kind: str
) -> None:
    libraries = [{"whl": "./dist/my_shop-1.*.whl"}]
    task = {
        "python": python_task("main", libraries=libraries),
        "wheel": wheel(libraries=libraries),
        "wheel of a project": wheel(libraries=[*libraries, {"whl": "./other"}]),
    }[kind]
    files = {"main.py": "import my_shop", "other/pyproject.toml": '[project]\nname = "other"'}
    client = serve({"etl": {"tasks": [task]}}, files)
    error = client.outputs(client.run("etl"))["main"].error or ""
    missing = tmp_path / "bundle" / "dist" / "my_shop-1.*.whl"
    assert (
        " ".join(error.split())
        .replace("my-shop", "my_shop")
        .startswith(
            f"The task needs the module my_shop, and lists {missing}, which does not exist. "
            "Build it or copy it there. ModuleNotFoundError: "
        )
    )


def test_environment_dependency_on_a_project_is_imported(serve: Serve) -> None:
    dependencies = ["-e ./other", "./shop/dist/*.whl", "requests"]
    environment = {"environment_key": "e", "spec": {"dependencies": dependencies}}
    files = {
        "other/pyproject.toml": '[project]\nname = "other"\n[project.scripts]\ngo = "none:none"',
        "shop/pyproject.toml": PROJECT,
        **{f"shop/{name}": text for name, text in MODULE.items()},
    }
    client = serve(
        {"etl": {"environments": [environment], "tasks": [wheel(environment_key="e")]}}, files
    )
    output = client.outputs(client.run("etl"))["main"]
    assert output.logs == "sold\n", output.error


def test_built_wheel_is_imported(serve: Serve, tmp_path: Path) -> None:
    libraries = [{"whl": "./lib/*.whl"}]
    (tmp_path / "bundle" / "lib").mkdir()
    with zipfile.ZipFile(tmp_path / "bundle" / "lib" / "my_shop-1.0-py3-none-any.whl", "w") as file:
        code = "def run(): print('sold from', open(__file__[:-3] + '.txt').read())"
        file.writestr("shop.py", code)
        file.writestr("shop.txt", "the wheel")
        file.writestr(
            "my_shop-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: my-shop\nVersion: 1.0\n"
        )
        file.writestr(
            "my_shop-1.0.dist-info/entry_points.txt", "[console_scripts]\ngo = shop:run\n"
        )
    tasks = [
        wheel(libraries=libraries),
        python_task("import", libraries=libraries),
        {**wheel("nothing", libraries=libraries), "task_key": "nothing"},
    ]
    code = """
        import subprocess, sys
        print(subprocess.check_output([sys.executable, "-c", "import shop; shop.run()"], text=True))
        import shop; shop.run()
    """
    client = serve({"etl": {"tasks": tasks}}, {"main.py": code})
    outputs = client.outputs(client.run("etl"))
    assert outputs["main"].logs == "sold from the wheel\n"
    assert outputs["import"].logs == "sold from the wheel\n\nsold from the wheel\n"
    assert outputs["nothing"].error == (
        "AttributeError: The package 'my-shop' has no entry point 'nothing', and there is no "
        "function 'nothing' in a module 'my_shop'. Name an entry point that its project declares."
    )


def test_task_has_the_environment_variables_of_its_cluster_or_job(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_SECRET_MY_SCOPE_DB_PASSWORD", "hunter2")
    own = {
        "spark_env_vars": {"KIND": "own", "N": 1, "PASSWORD": "{{secrets/my-scope/db.password}}"}
    }
    job = {
        "job_clusters": [
            {"job_cluster_key": "shared", "new_cluster": {"spark_env_vars": {"KIND": "shared"}}}
        ],
        "environment_variables": [
            {
                "environment_variables_key": "v",
                "spec": {"variables": {"KIND": "job"}, "files": ["conf/a.env"]},
            }
        ],
        "tasks": [
            python_task("own", new_cluster=own),
            python_task("shared", job_cluster_key="shared"),
            python_task("job", environment_variables_key="v"),
        ],
    }
    code = """
        import os
        print(*(os.environ.get(name) for name in ("KIND", "N", "PASSWORD")))
    """
    client = serve({"etl": job}, {"main.py": code, "conf/a.env": "KIND=file\nN=2"})
    logs = {key: output.logs for key, output in client.outputs(client.run("etl")).items()}
    assert logs == {
        "own": "own 1 [REDACTED]\n",
        "shared": "shared None None\n",
        "job": "job 2 None\n",
    }


def test_task_inherits_the_environment_without_credentials_of_the_app(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = [
        "ARM_CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_CLIENT_SECRET",
        "DATABRICKS_CLIENT_SECRET",
        "DATABRICKS_CONFIG_PROFILE",
        "FLASK_SECRET_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "LAKEFLOW_JOBS_WEBHOOK_PASSWORD",
        "SECRET_KEY",
    ]
    for name in (*credentials, "LAKEFLOW_SECRET_PROD_KEY", "OTHER"):
        monkeypatch.setenv(name, "hunter2")
    code = "import os; print(*sorted(name for name in os.environ if os.environ[name] == 'hunter2'))"
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    logs = client.outputs(client.run("etl"))["main"].logs
    assert logs == "LAKEFLOW_SECRET_PROD_KEY OTHER\n"


LEAKS = """
# Databricks notebook source
import os, subprocess, sys, time
secret = dbutils.secrets.get("prod", "key")
sys.stdout.write(secret[:3])
sys.stdout.flush()
time.sleep(0.05)
sys.stdout.write(secret[3:] + "\\n")
sys.stdout.buffer.write(secret.encode() + b"\\n")
sys.stdout.flush()
os.write(1, secret[:4].encode()); os.write(1, secret[4:].encode())
subprocess.run(["echo", secret])
print(secret, file=sys.__stdout__, flush=True)
dbutils.jobs.taskValues.set("key", secret)
dbutils.notebook.exit(secret)
"""


def test_secret_is_redacted_however_it_was_written(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_KEY", "hunter2")
    later = "assert dbutils.jobs.taskValues.get('main', 'key') == 'hunter2'"
    tasks = [notebook_task("main"), python_task("later", depends_on=depends_on("main"))]
    client = serve({"etl": {"tasks": tasks}}, {"notebook.py": LEAKS, "main.py": later})
    run = client.run("etl")
    assert task_results(run) == {"main": "SUCCESS", "later": "SUCCESS"}
    main_id = (run.tasks or [])[0].run_id
    _, output = client.http("GET", f"/api/2.2/jobs/runs/get-output?run_id={main_id}")
    assert output["notebook_output"]["result"] == "[REDACTED]"
    assert "hunter2" not in str(output)


def test_token_of_the_workspace_is_redacted_from_the_output(serve: Serve) -> None:
    code = "import os; print('token:', os.environ['DATABRICKS_TOKEN'])"
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    assert client.outputs(client.run("etl"))["main"].logs == "token: [REDACTED]\n"


def test_task_is_in_utc_wherever_the_machine_is(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    client = serve(
        {"etl": {"tasks": [python_task("main")]}}, {"main.py": "import time; print(time.tzname)"}
    )
    assert client.outputs(client.run("etl"))["main"].logs == "('UTC', 'UTC')\n"
