"""The files that make up a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import BundleError, load_bundle
from flask_lakeflow_jobs.local.bundle.documents import (
    display_path,
    find_root_file,
    read_documents,
    read_mapping,
)
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import bundle_text, write_file


@pytest.mark.parametrize("name", ["databricks.yml", "databricks.yaml", "bundle.yml", "bundle.yaml"])
def test_find_root_file_has_any_of_its_names(tmp_path: Path, name: str) -> None:
    file = write_file(tmp_path, "", name)
    assert find_root_file(tmp_path) == find_root_file(file) == file


def test_read_documents_merges_included_files(tmp_path: Path) -> None:
    included = write_file(tmp_path, "variables: {a: {default: 1}}", "more/a.yml")
    file = write_file(tmp_path, "include: [more/*.yml]\nvariables: {b: {default: 2}}")
    sources: list[Path] = []
    warnings: list[str] = []
    tree = read_documents(file, sources, lambda message, _: warnings.append(message))
    assert tree["variables"] == {"b": {"default": 2}, "a": {"default": 1}}
    assert (sources, warnings) == ([file, tmp_path / "more", included], [])


def test_read_documents_only_root_file_may_include(folder: Path, load: Load) -> None:
    write_file(folder, "include: [other.yml]\nvariables: {a: {default: 1}}", "more/a.yml")
    write_file(folder, "", "more/empty.yml")
    write_file(folder, "variables: {b: {default: 1}}", "more/deeper/b.yml")
    bundle = load(bundle_text(more="include: ['more/**/*.yml', 'more/*.yml', '*.yml']"))
    assert bundle.warnings == (
        "more/a.yml:1: Only the root file may include others. List these files there.",
    )
    assert [file.name for file in bundle.sources if file.suffix] == [
        "databricks.yml",
        "b.yml",
        "a.yml",
        "empty.yml",
        "variable-overrides.json",
    ]


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("a.yml", ["."]),
        ("jobs/*.yml", ["jobs"]),
        ("none/*/*.yml", ["none"]),
        ("*/deep/*.yml", [".", "jobs", "more", "jobs/deep"]),
    ],
)
def test_read_documents_sources_have_folders_of_patterns(
    tmp_path: Path, pattern: str, folders: list[str]
) -> None:
    write_file(tmp_path, "", "jobs/deep/x.txt")
    write_file(tmp_path, "", "more/x.txt")
    write_file(tmp_path, "", "a.yml")
    file = write_file(tmp_path, f"include: ['{pattern}']")
    sources: list[Path] = []
    read_documents(file, sources, lambda *_: None)
    found = {source for source in sources if source.suffix == ""}
    assert found == {tmp_path / folder for folder in folders}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include: [none.yml]", "There is no file 'none.yml' to include. Create it, with"),
        ("include: ['/x.yml']", "'/x.yml' has to be a path beside this file."),
        ("include: ['']", "'' has to be a path beside this file."),
        ("include: 5", "'include' has to be a list of paths."),
        ("include: ['*.py']", "'*.py' includes main.py, which is neither YAML nor JSON. Name"),
    ],
)
def test_read_documents_refuses_include(folder: Path, text: str, message: str) -> None:
    file = write_file(folder, f"x: 1\n{text}")
    with pytest.raises(BundleError) as error:
        read_documents(file, [], lambda *_: None)
    assert error.value.message.startswith(message)
    assert error.value.location == (file, 2)


def test_read_documents_refuses_job_defined_twice(folder: Path, load: Load) -> None:
    write_file(folder, bundle_text(), "more.yml")
    with pytest.raises(BundleError) as error:
        load(bundle_text(more="include: [more.yml]"))
    assert str(error.value) == "more.yml:4: The job 'etl' is already defined in databricks.yml:4."


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "The file has to hold a mapping with 'bundle' and 'resources'."),
        ("- a\n- b", 1, "The file has to hold a mapping with 'bundle' and 'resources'."),
        ("a: [1,\nb: 2", 2, "The file is not valid YAML: "),
        (
            "a: <TO DO: b>",
            1,
            "The file is not valid YAML: mapping values are not allowed here. Quote a value",
        ),
        (
            "a:\n  b: |\n  SELECT 1\n  FROM c\n",
            4,
            "The file is not valid YAML: could not find expected ':'. Write ': ' after the key, or",
        ),
        (
            "a:\n  b: 1\n  - c",
            3,
            "The file is not valid YAML: expected <block end>, but found '-'. Give a list a key",
        ),
        ("x: " + 3000 * "[" + 3000 * "]", 1, "The file is nested more than 100 levels deep."),
    ],
)
def test_read_mapping_refuses_other_content(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    file = write_file(tmp_path, text)
    with pytest.raises(BundleError) as error:
        read_mapping(file)
    assert error.value.message.startswith(message)
    assert error.value.location == (file, line)


@pytest.mark.parametrize("sign", [b"\xe9", b"\0"])
def test_read_mapping_names_the_line_that_is_not_text(tmp_path: Path, sign: bytes) -> None:
    file = tmp_path / "databricks.yml"
    file.write_bytes(b"a: b\nc: " + sign)
    with pytest.raises(BundleError, match=r"^The file is not text: .*\. Save it as UTF-8") as error:
        read_mapping(file)
    assert error.value.location == (file, 2)


def test_load_bundle_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=rf"^nothing\.yml: There is no .* in {tmp_path}\.$"):
        load_bundle(tmp_path / "nothing.yml")


@pytest.mark.parametrize(("file", "text"), [("/a/b/c.yml", "b/c.yml"), ("/x/c.yml", "/x/c.yml")])
def test_display_path_is_relative_to_bundle(file: str, text: str) -> None:
    assert display_path(Path(file), Path("/a")) == text
