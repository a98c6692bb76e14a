"""Jobs that a bundle's Python code defines or changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import BundleError
from flask_lakeflow_jobs.local.bundle import python_code
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import bundle_text, write_file

CODE = """
    from dataclasses import replace
    from databricks.bundles.core import Bundle, Resources, Variable, job_mutator, variables
    from databricks.bundles.jobs import Job

    @variables
    class Variables:
        day: Variable[str]

    def load(bundle: Bundle) -> Resources:
        resources = Resources()
        day = bundle.resolve_variable(Variables.day)
        resources.add_job("report", {
            "name": f"report of {day}",
            "description": "into ${resources.schemas.raw.name}",
            "schedule": {"quartz_cron_expression": "0 0 6 * * ?", "timezone_id": "UTC"},
            "tasks": [
                {"task_key": "main", "notebook_task": {"notebook_path": "src/notebook.py"}},
                {"task_key": "next", "run_job_task": {"job_id": "${resources.jobs.etl.id}"}},
            ],
        })
        resources.add_schema("raw", {"catalog_name": "main", "name": "raw"})
        return resources

    @job_mutator
    def limit(job: Job) -> Job:
        return replace(job, timeout_seconds=60)
"""
PYTHON = "python: {resources: ['defined.jobs:load'], mutators: ['defined.jobs:limit']}\n"


@pytest.fixture
def code(folder: Path) -> Path:
    """The file of the code; its folder is beside those of its notebooks."""
    return write_file(folder, CODE, "defined/jobs.py")


def test_load_bundle_has_jobs_of_python_code(load: Load, code: Path) -> None:
    more = PYTHON + (
        "variables: {day: {default: monday}}\n"
        "targets: {dev: {mode: development}}\nrun_as: {user_name: a@b.c}\n"
    )
    task = "run_job_task: {job_id: '${resources.jobs.report.id}'}"
    bundle = load(bundle_text(task=task, more=more))
    etl, report = (bundle.jobs[key].settings for key in ("etl", "report"))
    assert etl["tasks"][0]["run_job_task"]["job_id"] == bundle.jobs["report"].job_id
    assert report["name"] == "[dev jo_doe] report of monday"
    assert report["description"] == "into dev_jo_doe_raw"
    assert report["schedule"]["pause_status"] == "PAUSED"
    assert report["run_as"] == {"user_name": "a@b.c"}
    main, following = report["tasks"]
    assert main["notebook_task"]["notebook_path"] == f"{bundle.files_path}/src/notebook"
    assert following["run_job_task"]["job_id"] == bundle.jobs["etl"].job_id
    assert (etl["timeout_seconds"], report["timeout_seconds"]) == (60, 60)
    assert code in bundle.sources


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "day = bundle.resolve_variable(Variables.day)",
            'raise ValueError("no day")',
            "defined/jobs.py:11: Failed to load resources: ValueError: no day.",
        ),
        (
            '"notebook_path": "src/notebook.py"',
            '"notebook_path": "src/none.py"',
            "defined/jobs.py:12: There is no file 'src/none.py'",
        ),
        (
            'resources.add_job("report"',
            'resources.add_job("etl"',
            "defined/jobs.py:12: 'etl' of 'jobs' is already defined in YAML.",
        ),
        (
            "from dataclasses import",
            "import cowsay\n    from dataclasses import",
            (
                "defined/jobs.py:1: Failed to import module 'defined.jobs': ModuleNotFoundError: "
                "No module named 'cowsay'. Install it in "
            ),
        ),
        (
            "from dataclasses import",
            "next(iter([]))\n    from dataclasses import",
            "defined/jobs.py:1: Failed to import module 'defined.jobs': StopIteration.",
        ),
    ],
)
def test_error_of_python_code_names_its_line(
    folder: Path, load: Load, old: str, new: str, message: str
) -> None:
    assert old in CODE
    write_file(folder, CODE.replace(old, new, 1), "defined/jobs.py")
    with pytest.raises(BundleError) as error:
        load(bundle_text(more=PYTHON + "variables: {day: {default: monday}}"))
    assert str(error.value).startswith(message)


@pytest.mark.usefixtures("code")
def test_python_code_without_its_package_is_a_warning(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_code, "_has_package", lambda: False)
    (warning,) = load(bundle_text(more=PYTHON)).warnings
    assert warning.startswith(
        "databricks.yml:9: The bundle defines jobs in Python, which needs the package "
        "databricks-bundles. It is not in "
    )
    assert warning.endswith(" Install it: pip install 'flask-lakeflow-jobs[bundles]'.")
    with pytest.raises(BundleError, match="needs the package databricks-bundles"):
        load(f"experimental: {{{PYTHON.strip()}}}")


@pytest.mark.usefixtures("code")
def test_python_code_has_a_time_limit(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_code, "_TIME_LIMIT_SECONDS", 0)
    with pytest.raises(BundleError, match="ran for more than 0 seconds"):
        load(PYTHON)


def test_python_code_in_two_sections_is_refused(load: Load) -> None:
    text = f"{PYTHON}experimental: {{python: {{resources: ['defined.jobs:other']}}}}"
    with pytest.raises(BundleError, match=r"^databricks\.yml:2: The bundle has 'python' and"):
        load(text)


def test_python_code_runs_with_venv_of_bundle(
    folder: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "secret")
    python = write_file(
        folder,
        """
        #!/bin/sh
        echo "${SECRET_KEY-none} No module named 'databricks'" >&2
        exit 1
        """,
        ".venv/bin/python",
    )
    python.chmod(0o755)
    with pytest.raises(BundleError, match=r"not in \.venv\. Install it there: uv pip .*/\.venv/"):
        load("python: {resources: ['defined:load'], venv_path: .venv}")
    python.write_text('#!/bin/sh\necho "${SECRET_KEY-none}" >&2; exit 1\n')
    with pytest.raises(BundleError, match=r"The Python code of the bundle failed: none\."):
        load("python: {resources: ['defined:load'], venv_path: .venv}")


def test_package_in_the_venv_of_a_bundle_may_be_old(folder: Path, load: Load) -> None:
    """Before 0.268, it reads the section only where the CLI had it before."""
    old = f"""
        #!{sys.executable}
        import json, sys
        paths = dict(each.split("=", 1) for each in sys.argv if "=" in each)
        with open(paths["--input"]) as file:
            document = json.load(file)
        if document["experimental"]["python"]["resources"] == ["defined:load"]:
            task = {{"task_key": "main", "notebook_task": {{"notebook_path": "src/notebook.py"}}}}
            document["resources"]["jobs"]["old"] = {{"tasks": [task]}}
        with open(paths["--output"], "w") as file:
            json.dump(document, file)
    """
    write_file(folder, old, ".venv/bin/python").chmod(0o755)
    section = "python: {resources: ['defined:load'], venv_path: .venv}"
    assert "old" in load(bundle_text(more=section)).jobs


@pytest.mark.usefixtures("code")
def test_paths_of_a_changed_job_start_at_the_file_that_has_them(folder: Path, load: Load) -> None:
    job = """
        resources:
          jobs:
            nightly:
              tasks:
                - {task_key: main, notebook_task: {notebook_path: ../src/notebook.py}}
    """
    write_file(folder, job, "resources/nightly.yml")
    more = PYTHON + "include: [resources/*.yml]\nvariables: {day: {default: monday}}\n"
    bundle = load(bundle_text(more=more))
    settings = bundle.jobs["nightly"].settings
    assert settings["timeout_seconds"] == 60
    path = settings["tasks"][0]["notebook_task"]["notebook_path"]
    assert path == f"{bundle.files_path}/src/notebook"


def test_python_code_imports_the_package_of_the_bundle(folder: Path, load: Load) -> None:
    write_file(folder, "DAY = 'monday'", "src/shop/__init__.py")
    write_file(
        folder,
        CODE.replace("{day}", "{DAY}").replace(
            "from dataclasses import replace",
            "from shop import DAY\n    from dataclasses import replace",
        ),
        "defined/jobs.py",
    )
    bundle = load(bundle_text(more=PYTHON + "variables: {day: {default: sunday}}"))
    assert bundle.jobs["report"].settings["name"] == "report of monday"
