"""The tree of workspace files over those of a bundle."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.files.tree import Node, OfBundle, SameFile, WorkspaceTree
from flask_lakeflow_jobs.local.files.volume_folder import Folder

NOTEBOOK = b"# Databricks notebook source\n"
QUERY = b"-- Databricks notebook source\n"
JUPYTER = b'{"cells": []}'

#: A change of a tree, and the path that has the content afterwards.
Change = tuple[Callable[[WorkspaceTree], None], str, bytes]


def write_file(name: str, content: bytes) -> Change:
    return (
        lambda tree: tree.write(("Shared", name), [content], overwrite=True),
        name,
        content,
    )


def write_notebook(name: str, suffix: str, content: bytes) -> Change:
    return (
        lambda tree: tree.write_notebook(("Shared", name), suffix, content, overwrite=True),
        name,
        content,
    )


#: No beginning of a Jupyter notebook.
PLAIN = st.binary(max_size=2).filter(lambda content: b"{" not in content)
CHANGES = st.lists(
    st.one_of(
        st.builds(write_file, st.sampled_from(["x", "x.py", "x.sql", "x.ipynb"]), PLAIN),
        st.builds(
            write_notebook,
            st.sampled_from(["x", "x.py"]),
            st.sampled_from([".py"]),
            st.binary(max_size=2).map(NOTEBOOK.__add__),
        ),
        st.just(write_notebook("x", ".sql", QUERY)),
        st.just(write_notebook("x", ".ipynb", JUPYTER)),
    ),
    max_size=8,
)


def make_tree(folder: Path) -> WorkspaceTree:
    (folder / "bundle").mkdir()
    own = Folder(folder / "files", folder / "unfinished")
    tree = WorkspaceTree(own, lambda: (("Users", "me", "files"), folder / "bundle"))
    tree.make(("Shared",))
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> WorkspaceTree:
    """A tree over an empty bundle."""
    return make_tree(tmp_path)


def read_all(tree: WorkspaceTree) -> dict[str, bytes]:
    return {each.parts[-1]: each.file.read_bytes() for each in tree.children(("Shared",))}


@given(CHANGES)
def test_write_changes_one_path_or_nothing(changes: list[Change]) -> None:
    with TemporaryDirectory() as folder:
        tree = make_tree(Path(folder))
        expected: dict[str, bytes] = {}
        for change, name, content in changes:
            with suppress(FileExistsError):
                change(tree)
                expected[name] = content
            assert read_all(tree) == expected
        for name, content in expected.items():
            assert tree.find(("Shared", name)).file.read_bytes() == content


@pytest.mark.parametrize(
    ("first", "second", "other"),
    [
        (write_notebook("x", ".py", NOTEBOOK), write_file("x.py", b""), "/Shared/x"),
        (write_file("x.py", b""), write_notebook("x", ".py", NOTEBOOK), "/Shared/x.py"),
        (
            write_notebook("x", ".py", NOTEBOOK),
            write_notebook("x.py", ".sql", QUERY),
            "/Shared/x",
        ),
    ],
)
def test_notebook_and_file_of_one_name_are_refused(
    tree: WorkspaceTree, first: Change, second: Change, other: str
) -> None:
    first[0](tree)
    with pytest.raises(SameFile, match=f"^{other}$"):
        second[0](tree)


def test_notebook_of_another_language_replaces_one_only_on_demand(tree: WorkspaceTree) -> None:
    tree.write_notebook(("Shared", "x"), ".py", NOTEBOOK, overwrite=False)
    with pytest.raises(FileExistsError):
        tree.write_notebook(("Shared", "x"), ".sql", QUERY, overwrite=False)
    assert read_all(tree) == {"x": NOTEBOOK}


def test_write_creates_no_folder(tree: WorkspaceTree) -> None:
    with pytest.raises(FileNotFoundError, match="/lost"):
        tree.write(("lost", "x"), [b""], overwrite=True)
    with pytest.raises(FileNotFoundError, match="/lost"):
        tree.write_notebook(("lost", "x"), ".py", NOTEBOOK, overwrite=True)


def test_paths_of_this_machine_are_those_of_the_workspace(
    tree: WorkspaceTree, tmp_path: Path
) -> None:
    mount = ("Users", "me", "files")
    assert tree.parse(f"{tmp_path}/bundle/src/x.py") == (*mount, "src", "x.py")
    assert tree.parse(f"{tmp_path}/bundle") == mount
    assert tree.parse(f"{tmp_path}/files/Shared/x") == ("Shared", "x")
    assert tree.parse("/Workspace/Shared/x") == ("Shared", "x")


def test_notebook_is_found_by_the_name_of_its_file(tree: WorkspaceTree) -> None:
    tree.write_notebook(("Shared", "x"), ".py", NOTEBOOK, overwrite=False)
    assert tree.find(("Shared", "x.py")) == tree.find(("Shared", "x"))


@pytest.mark.parametrize(
    ("suffix", "content"), [(".py", NOTEBOOK), (".ipynb", JUPYTER + b" "), (".sql", QUERY)]
)
def test_notebook_of_the_bundle_hides_no_write(
    tree: WorkspaceTree, tmp_path: Path, suffix: str, content: bytes
) -> None:
    parts = ("Users", "me", "files", "nb")
    (tmp_path / "bundle" / "nb.ipynb").write_bytes(JUPYTER)
    tree.write_notebook(parts, ".ipynb", JUPYTER, overwrite=True)
    with pytest.raises(OfBundle, match=r"nb\.ipynb$"):
        tree.write_notebook(parts, suffix, content, overwrite=True)
    assert not list((tmp_path / "files" / "Users").rglob("*"))


@pytest.mark.parametrize("more", [b"", b"x"])
def test_file_of_the_bundle_is_compared_in_chunks(
    tree: WorkspaceTree, tmp_path: Path, more: bytes
) -> None:
    chunk, count = b"x" * 2**16, 200
    (tmp_path / "bundle" / "large").write_bytes(chunk * count)
    content = [*[chunk] * count, *filter(None, [more])]
    tracemalloc.start()
    try:
        with suppress(OfBundle):
            tree.write(("Users", "me", "files", "large"), content, overwrite=True)
            assert not more
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_files_with_names_that_are_no_utf8_have_ids() -> None:
    nodes = [Node(("Shared", name), "FILE", Path(name)) for name in ("\udcfe", "\udcff")]
    assert len({node.object_id for node in nodes}) == 2
