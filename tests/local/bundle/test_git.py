"""Details of a Git repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.bundle.git import GitRepository
from tests.local.bundle.support import write_file

DETAILS = ("branch", "commit", "origin_url", "bundle_root_path")


def read(folder: Path) -> list[str]:
    repository = GitRepository(folder)
    return [repository.read(detail) for detail in DETAILS]


def test_read_details_of_packed_branch(tmp_path: Path) -> None:
    write_file(tmp_path, "ref: refs/heads/feature/x\n", ".git/HEAD")
    write_file(tmp_path, "abc1 refs/heads/feature/x\n", ".git/packed-refs")
    config = "fetch = a\n\tfetch = b\n\tprune\n\turl = https://example.com/a.git"
    write_file(tmp_path, f'[remote "origin"]\n\t{config}\n', ".git/config")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert read(inner) == ["feature/x", "abc1", "https://example.com/a.git", "a/b"]
    assert GitRepository(inner).root == tmp_path


def test_read_details_of_detached_head(tmp_path: Path) -> None:
    write_file(tmp_path, "abc1\n", ".git/HEAD")
    assert read(tmp_path) == ["", "abc1", "", "."]


@pytest.mark.parametrize("config", ["", "nonsense", "[remote]\n"])
def test_read_details_of_damaged_repository_is_empty(tmp_path: Path, config: str) -> None:
    write_file(tmp_path, "ref: refs/heads/main\n", ".git/HEAD")
    write_file(tmp_path, config, ".git/config")
    assert read(tmp_path) == ["main", "", "", "."]
    assert GitRepository(tmp_path).read("unknown") == ""


def test_read_details_without_repository_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path) == ["", "", "", ""]
    assert GitRepository(tmp_path).root is None


def test_read_commit_of_worktree(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run((*git, "init", "-q", "-b", "main", origin), check=True)
    subprocess.run((*git, "-C", origin, "commit", "-q", "--allow-empty", "-m", "x"), check=True)
    tree = tmp_path / "tree"
    subprocess.run((*git, "-C", origin, "worktree", "add", "-q", "-b", "b", tree), check=True)
    commit = subprocess.run(
        (*git, "-C", origin, "rev-parse", "main"), check=True, capture_output=True, text=True
    )
    (tree / "inner").mkdir()
    assert read(tree / "inner") == ["b", commit.stdout.strip(), "", "inner"]
