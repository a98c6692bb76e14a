"""The libraries and environment variables of a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks.compute import (
    find_import_paths,
    find_local_libraries,
    find_project_of,
    find_projects,
    read_spark_settings,
    read_variables,
)


@pytest.mark.parametrize(
    ("dependency", "path"),
    [
        ("./shop/dist/*.whl", "./shop/dist/*.whl"),
        ("shop/dist/a-1-py3-none-any.whl[x]", "shop/dist/a-1-py3-none-any.whl"),
        ("-e ./shop", "./shop"),
        ("--editable=./shop", "./shop"),
        ("/abs/shop", "/abs/shop"),
        ("requests", None),
        ("requests==2.*", None),
        ({"pypi": "x"}, None),
    ],
)
def test_local_libraries_of_an_environment(dependency: Any, path: str | None) -> None:
    environment = {"environment_key": "e", "spec": {"dependencies": [dependency]}}
    spec = {"task_key": "a", "environment_key": "e"}
    found = list(find_local_libraries({"environments": [environment]}, spec))
    assert found == ([] if path is None else [path])


@pytest.mark.parametrize(
    ("settings", "spec"),
    [
        ({}, {}),
        ({"environments": None}, {"environment_key": "e"}),
        ({"environments": [{"environment_key": "e"}]}, {"environment_key": "other"}),
        ({"environments": [{"environment_key": "e", "spec": None}]}, {"environment_key": "e"}),
        ({}, {"libraries": [{"pypi": {"package": "x"}}, {"whl": 5}, "x"]}),
    ],
)
def test_local_libraries_without_local_paths_are_none(
    settings: dict[str, Any], spec: dict[str, Any]
) -> None:
    assert list(find_local_libraries(settings, spec)) == []


def test_local_libraries_of_a_task() -> None:
    spec = {"libraries": [{"whl": "./dist/*.whl"}, {"pypi": {"package": "x"}}]}
    assert list(find_local_libraries({}, spec)) == ["./dist/*.whl"]


def import_paths(library: Path, *projects: Path) -> list[str]:
    return find_import_paths(library, find_projects(library, projects))


@pytest.mark.parametrize("project_file", ["pyproject.toml", "setup.py", "setup.cfg"])
def test_import_paths_of_a_project_are_its_sources(tmp_path: Path, project_file: str) -> None:
    (tmp_path / project_file).touch()
    assert import_paths(tmp_path) == [str(tmp_path)]
    (tmp_path / "src").mkdir()
    assert import_paths(tmp_path) == [str(tmp_path / "src"), str(tmp_path)]


def test_import_paths_of_a_wheel_begin_with_the_sources_it_is_built_from(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    wheel = tmp_path / "dist" / "shop-1-py3-none-any.whl"
    wheel.touch()
    assert import_paths(tmp_path / "dist" / "*.whl") == [str(wheel)]
    assert import_paths(tmp_path / "dist" / "*whl") == [str(wheel)]
    (tmp_path / "setup.py").touch()
    assert import_paths(tmp_path / "dist" / "*.whl") == [str(tmp_path), str(wheel)]


@pytest.mark.parametrize(
    ("wheel", "is_found"),
    [
        ("/Workspace/Shared/my_shop-0.0.1-py3-none-any.whl", True),
        (".build/*.whl", True),
        (".build/*whl", True),
        ("artifacts/.internal/my_shop-*.whl", True),
        ("artifacts/.internal/other-0.0.1-py3-none-any.whl", False),
    ],
)
def test_missing_wheel_is_that_of_the_project_of_its_name(
    tmp_path: Path, wheel: str, is_found: bool
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "My.Shop"\n')
    assert import_paths(tmp_path / wheel, tmp_path) == ([str(tmp_path)] if is_found else [])


OWN = {"spark_env_vars": {"KIND": "own", "N": 1}}
SETTINGS = {
    "job_clusters": [
        {"job_cluster_key": "shared", "new_cluster": {"spark_env_vars": {"KIND": "shared"}}}
    ],
    "environment_variables": [
        {"spec": {"variables": {"KIND": "without a key"}}},
        {"environment_variables_key": "v", "spec": {"variables": {"KIND": "job"}}},
        {"environment_variables_key": "file", "spec": {"files": ["a.env"]}},
        {
            "environment_variables_key": "files",
            "spec": {"files": ["a.env", "b.env"], "variables": {"KIND": "job"}},
        },
    ],
}
FILES = {"a.env": "# of both\nA=1\nB=a=b # c\n \n\n", "b.env": "A=2\r\nKIND=file\n"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {}),
        ({"new_cluster": OWN}, {"KIND": "own", "N": "1"}),
        ({"job_cluster_key": "shared"}, {"KIND": "shared"}),
        ({"new_cluster": OWN, "job_cluster_key": "shared"}, {"KIND": "own", "N": "1"}),
        ({"environment_variables_key": "v"}, {"KIND": "job"}),
        ({"new_cluster": OWN, "environment_variables_key": "v"}, {"KIND": "job", "N": "1"}),
        ({"environment_variables_key": "file"}, {"A": "1", "B": "a=b # c"}),
        ({"environment_variables_key": "files"}, {"A": "2", "B": "a=b # c", "KIND": "job"}),
        ({"job_cluster_key": "unknown"}, {}),
    ],
)
def test_environment_of_a_task(spec: dict[str, Any], expected: dict[str, str]) -> None:
    assert read_variables(SETTINGS, spec, FILES.__getitem__) == expected


@pytest.mark.parametrize("line", ["export A=1", "A", "1A=1", " A=1"])
def test_file_of_variables_with_another_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"^a\.env:2: Write KEY=VALUE"):
        read_variables(SETTINGS, {"environment_variables_key": "files"}, lambda _: f"A=1\n{line}")


def test_settings_of_spark_are_those_of_the_cluster_without_storage() -> None:
    key = {"fs.azure.account.key.x": "{{secrets/scope/key}}"}
    spec = {"new_cluster": {"spark_conf": {"spark.sql.ansi.enabled": "true", **key}}}
    assert read_spark_settings({}, spec) == {"spark.sql.ansi.enabled": "true"}
    assert read_spark_settings(SETTINGS, {"job_cluster_key": "shared"}) == {}


def test_project_of_a_package_is_the_one_that_declares_it(tmp_path: Path) -> None:
    for name in ("shop", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text(f'[project]\nname = "my-{name}"\n')
    projects = [tmp_path / "none", tmp_path / "other", tmp_path / "shop"]
    assert find_project_of("my_shop", projects) == [tmp_path / "shop"]
    assert find_project_of("shop", projects) == []
    assert find_project_of("my_shop", [*projects, tmp_path / "shop"]) == [tmp_path / "shop"]
