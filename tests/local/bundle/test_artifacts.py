"""The projects whose wheels a bundle builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.local.bundle.conftest import Load
from tests.local.bundle.support import bundle_text


@pytest.mark.parametrize(
    ("artifact", "projects"),
    [
        ("path: tools/shop", ["", "tools/shop"]),
        ("build: uv build ./tools/shop --wheel --out-dir .build", ["", "", "tools/shop"]),
        ("build: (cd tools/shop/ && python setup.py bdist_wheel)", ["", "", "tools/shop"]),
        ("{path: tools, build: uv build shop --out-dir ../x}", ["", "tools", "tools/shop"]),
        ("build: cp -r /etc tools/none", ["", ""]),
        ("build: 5", ["", ""]),
    ],
)
def test_projects_are_those_of_artifacts_and_of_their_builds(
    folder: Path, load: Load, artifact: str, projects: list[str]
) -> None:
    (folder / "tools" / "shop").mkdir(parents=True)
    text = artifact if artifact.startswith("{") else f"{{{artifact}}}"
    bundle = load(bundle_text(more=f"artifacts: {{a: {text}}}"))
    assert list(bundle.projects) == [folder / each for each in projects]


@pytest.mark.parametrize("option", ["--all-packages --wheel", "--package shop"])
def test_projects_are_those_of_the_uv_workspace_that_is_built(
    folder: Path, load: Load, option: str
) -> None:
    # As in the monorepo of tkostyrka/dabs-template, whose bundle is beside its packages.
    for name in ("libs/shop", "tools"):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        "[project]\nname = 'x'\n[tool.uv.workspace]\nexclude = ['y']\n"
        "members = [\n  \"libs/*\",  # all\n  'none',\n]\n[tool.uv.sources]\n"
    )
    artifact = f"{{path: tools, build: uv build {option} --out-dir ../dist}}"
    bundle = load(bundle_text(more=f"artifacts: {{a: {artifact}}}"))
    assert list(bundle.projects) == [folder, folder / "tools", folder / "libs" / "shop"]


def test_projects_are_not_those_of_a_uv_workspace_that_is_not_built(
    folder: Path, load: Load
) -> None:
    (folder / "libs").mkdir()
    (folder / "pyproject.toml").write_text("[tool.uv.workspace]\nmembers = ['libs']\n")
    bundle = load(bundle_text(more="artifacts: {a: {build: uv build --wheel}}"))
    assert list(bundle.projects) == [folder, folder]


def test_projects_without_a_uv_workspace(folder: Path, load: Load) -> None:
    (folder / "pyproject.toml").write_text("[tool.uv.workspace]\n[other]\nmembers = ['libs']\n")
    bundle = load(bundle_text(more="artifacts: {a: {build: uv build --all-packages}}"))
    assert list(bundle.projects) == [folder, folder]
