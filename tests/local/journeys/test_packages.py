"""Tasks whose environment lists packages."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service.jobs import RunOutput

from flask_lakeflow_jobs.local import Workspace, load_bundle
from tests.local.support import Client, python_task, task_results, write_bundle
from tests.support import wait_until

WHEEL = "cowbell-1.0-py3-none-any.whl"


def write_wheel(folder: Path) -> None:
    """Write a wheel with the module ``cowbell``."""
    info = "cowbell-1.0.dist-info"
    files = {
        "cowbell.py": "SOUND = 'clonk'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: cowbell\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, text)


def run_task(
    folder: Path,
    requirement: str | None,
    *,
    install: bool,
    times: int = 1,
    dependency: str = "-r requirements.txt",
) -> RunOutput:
    """Run a task that imports ``cowbell``, and return its last output.

    :param dependency: of its environment, where there is a requirement.
    """
    (folder / "bundle").mkdir()
    write_wheel(folder)
    environment: dict[str, Any] = {"dependencies": [dependency] if requirement else []}
    job = {
        "tasks": [python_task("main", environment_key="e")],
        "environments": [{"environment_key": "e", "spec": environment}],
    }
    files = {
        "main.py": "import cowbell; print(cowbell.SOUND)",
        "requirements.txt": f"--no-index\n--find-links {folder}\n{requirement}\n",
    }
    path = write_bundle(folder / "bundle", {"etl": job}, files)
    with Workspace(path, folder / "folder", install=install) as address:
        client = Client(address, {"etl": load_bundle(path).jobs["etl"].job_id})
        for _ in range(times):
            run = client.run("etl")
        output = client.outputs(run)["main"]
        assert (task_results(run) == {"main": "SUCCESS"}) is (output.error is None)
    return output


def test_packages_are_installed_once_if_it_is_enabled(tmp_path: Path) -> None:
    output = run_task(tmp_path, "cowbell==1.0", install=True, times=2)
    assert output.logs == "clonk\n"
    folders = [path for path in (tmp_path / "folder" / "packages").iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert (folders[0] / "cowbell.py").exists()


@pytest.mark.parametrize("name", [WHEEL, "requirements.txt"])
def test_environment_has_files_of_volumes(tmp_path: Path, name: str) -> None:
    libraries = tmp_path / "folder/volumes/main/default/libs"
    libraries.mkdir(parents=True)
    (tmp_path / "folder").chmod(0o700)
    write_wheel(libraries)
    (libraries / "requirements.txt").write_text(f"--no-index\n--find-links {tmp_path}\ncowbell")
    option = "" if name == WHEEL else "-r "
    dependency = f"{option}/Volumes/main/default/libs/{name}"
    output = run_task(tmp_path, "cowbell", install=True, dependency=dependency)
    assert output.logs == "clonk\n"


def test_package_that_is_not_installed_is_named_first(tmp_path: Path) -> None:
    output = run_task(tmp_path, "cowbell==1.0", install=False)
    assert str(output.error).startswith(
        "The task needs cowbell, which its environment lists: cowbell==1.0. Set "
        "LAKEFLOW_JOBS_LOCAL_INSTALL = True"
    )


def test_package_that_cannot_be_installed_fails_the_task(tmp_path: Path) -> None:
    output = run_task(tmp_path, "cowbell==2.0", install=True)
    assert "Correct the packages that the task lists" in str(output.error)
    assert "cowbell" in str(output.error)
    assert "pip install" in str(output.error)


def test_canceled_task_ends_its_installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    installer = tmp_path / "uv"
    installer.write_text(
        f'#!/bin/sh\necho "$LAKEFLOW_SECRET_A_B$DATABRICKS_TOKEN" > {started}\nexec sleep 3600\n'
    )
    installer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("LAKEFLOW_SECRET_A_B", "secret")
    task = python_task("main", libraries=[{"pypi": {"package": "cowbell"}}])
    job = {"tasks": [task], "max_concurrent_runs": 2}
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    path = write_bundle(bundle, {"etl": job}, {"main.py": ""})
    with Workspace(path, tmp_path / "folder", install=True) as address:
        client = Client(address, {"etl": load_bundle(path).jobs["etl"].job_id})
        run_id, waiting = client.start("etl"), client.start("etl")
        wait_until(lambda: started.exists() and started.read_text(), "the installer")
        for each in (waiting, run_id):
            client.jobs.cancel_run(each)
            assert task_results(client.finish(each)) == {"main": "CANCELED"}
    assert started.read_text() == "\n"
