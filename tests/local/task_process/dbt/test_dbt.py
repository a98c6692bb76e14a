"""Projects of dbt as the local workspace gives them to dbt, without dbt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from flask_lakeflow_jobs.local.task_process.dbt.dbt_adapter import skip_command, translate_code
from flask_lakeflow_jobs.local.task_process.dbt.dbt_task import (
    DbtProject,
    advise,
    build_output,
    describe_dbt_failure,
    find_line,
    import_runner,
)

CHOSEN = (
    "{% set catalog %}{{ var('c') }}{% endset %}"
    "{{ 'warehouse' if catalog | string == 'main' else catalog }}"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DbtProject:
    """A project of which the user has installed a package."""
    data = tmp_path / "folder" / "data"
    data.mkdir(parents=True)
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", str(data))
    source = tmp_path / "shop"
    for name in (
        "models/a.sql",
        "target/old",
        "logs/old",
        "dbt_packages/utils/a",
        "package-lock.yml",
    ):
        file = source / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    return DbtProject(str(source))


def test_link_shows_the_files_and_keeps_what_dbt_writes_apart(project: DbtProject) -> None:
    project.link()
    root, source = Path(project.root), Path(project.source)
    assert (root / "models" / "a.sql").read_text() == "x"
    assert (root / "dbt_packages" / "utils" / "a").read_text() == "x"
    assert not (root / "target").exists()
    (root / "dbt_packages" / "new").mkdir()
    (root / "package-lock.yml").write_text("y")
    assert (source / "package-lock.yml").read_text() == "x"
    assert [each.name for each in (source / "dbt_packages").iterdir()] == ["utils"]


def test_link_of_a_project_that_has_changed_follows_it(project: DbtProject) -> None:
    project.link()
    source = Path(project.source)
    (source / "models" / "a.sql").unlink()
    (source / "models").rmdir()
    (source / "seeds").mkdir()
    project.link()
    assert {each.name for each in Path(project.root).iterdir()} == {
        "dbt_packages",
        "package-lock.yml",
        "seeds",
    }


@pytest.mark.parametrize(
    ("catalog", "name", "attached"),
    [
        ("main", "warehouse", ["lake"]),
        ("lake", "lake", ["warehouse"]),
        (
            "{{ var('c') }}",
            CHOSEN,
            ["lake", "warehouse"],
        ),
    ],
)
def test_build_output_opens_the_catalog_and_attaches_the_others(
    monkeypatch: pytest.MonkeyPatch, catalog: str, name: str, attached: list[str]
) -> None:
    monkeypatch.setenv("LAKEFLOW_LOCAL_DATA", "/data")
    output = {"catalog": catalog, "schema": "gold", "threads": 2}
    assert build_output(output, ["a-b", "lake", "warehouse"]) == {
        "type": "duckdb",
        "path": f"/data/{name}.duckdb",
        "schema": "gold",
        "threads": 2,
        "attach": [{"path": f"/data/{each}.duckdb", "alias": each} for each in attached],
        "settings": {"TimeZone": "UTC", "old_implicit_casting": "true"},
    }


@pytest.mark.parametrize(
    ("code", "translated"),
    [
        (
            'select "text", nvl(a, 1) as b from "warehouse"."gold"."orders"',
            'SELECT \'text\', COALESCE(a, 1) AS b FROM "warehouse"."gold"."orders"',
        ),
        ("select `a b` from x;\n", 'SELECT "a b" FROM x'),
        ("GRANT SELECT ON TABLE t TO `x`", "select 1"),
        (" \n", " \n"),
    ],
)
def test_translate_code_of_a_model(code: str, translated: str) -> None:
    assert translate_code(code) == translated


@pytest.mark.parametrize(
    ("sql", "run"),
    [
        ('/* {"app": "dbt"} */\n OPTIMIZE "a"."b"', "select 1"),
        ("select 'OPTIMIZE t'", "select 'OPTIMIZE t'"),
    ],
)
def test_skip_command(sql: str, run: str) -> None:
    assert skip_command(sql) == run


def result(name: str, message: str, status: str = "error") -> dict[str, Any]:
    path = f"models/{name}.sql"
    return {"name": name, "kind": "model", "path": path, "status": status, "message": message}


NAMES = (
    'Runtime Error in model a (models/a.sql)\n  Binder Error: no column "m"\n  \n  LINE 1: x\n ^'
)


@pytest.mark.parametrize(
    ("results", "error", "expected"),
    [
        (
            [result("a", NAMES), result("b", ""), result("c", "", "success")],
            None,
            'models/a.sql, line 2: the model a failed: Binder Error: no column "m" Failed too: b.',
        ),
        (
            [result("a", "Catalog Error: Table with name x does not exist!")],
            None,
            (
                "models/a.sql: the model a failed: The table x is not in the local workspace. "
                "Create it in an earlier task, or in a job that you run once. Catalog Error: Table "
                "with name x does not exist!"
            ),
        ),
        ([], ValueError("no\n target"), "dbt run failed: no target"),
        ([], None, "dbt run failed: see the log"),
    ],
)
def test_describe_failure(
    tmp_path: Path, results: list[dict[str, Any]], error: Exception | None, expected: str
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_text("select n,\n m\nfrom t")
    assert describe_dbt_failure(["run"], results, error, str(tmp_path)) == expected


def test_describe_failure_of_deps_without_a_network_says_what_to_do() -> None:
    error = ConnectionError("Max retries exceeded with url: /api/v1/dbt-labs/dbt_utils.json")
    text = describe_dbt_failure(["deps"], [], error, "")
    assert text.startswith("dbt deps cannot reach the packages that packages.yml names: connect")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ('no column "total"', 2),
        ("at line 7: bad", 7),
        ("Table with name Orders is", 3),
        ("no", None),
    ],
)
def test_find_line(tmp_path: Path, message: str, line: int | None) -> None:
    file = tmp_path / "a.sql"
    file.write_text("select subtotal,\n total\nfrom orders")
    assert find_line(str(file), message) == line


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Parser Error: near x", "DuckDB has no metric views. Write a plain view for a local"),
        ("Conversion Error: 'x'", "Conversion Error: 'x'"),
    ],
)
def test_advise(message: str, expected: str) -> None:
    assert advise(message, "create view v with metrics").startswith(expected)


def test_dbt_that_its_python_is_too_new_for_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dbt", None)
    with pytest.raises(ImportError, match=r"such as 3\.13: dbt cannot be imported on Python 3\."):
        import_runner()
