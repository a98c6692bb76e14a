"""The packages that a task lists, and the folder that they are installed into."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks import packages as packages_module
from flask_lakeflow_jobs.local.tasks.packages import (
    InstallFailed,
    Packages,
    Requirements,
    list_requirements,
)


def environment(*dependencies: Any) -> dict[str, Any]:
    return {"environments": [{"environment_key": "e", "spec": {"dependencies": [*dependencies]}}]}


@pytest.mark.parametrize(
    ("dependency", "expected"),
    [
        ("cowsay==6.0", Requirements(("cowsay==6.0",))),
        ("pandas[excel]>=2", Requirements(("pandas[excel]>=2",))),
        ("-r ./requirements.txt", Requirements((), ("./requirements.txt",))),
        ('--requirement "a b/dev.txt"', Requirements((), ("a b/dev.txt",))),
        ("-r=dev.txt", Requirements((), ("dev.txt",))),
        ("./dist/*.whl", Requirements()),
        ("/Workspace/a/b.whl", Requirements()),
        ("-e .", Requirements()),
        ("--index-url https://a.example", Requirements((), (), ("--index-url=https://a.example",))),
        ("--extra-index-url=https://b", Requirements((), (), ("--extra-index-url=https://b",))),
        ("--find-links ./wheels", Requirements((), (), ("--find-links=./wheels",))),
        ("-i https://a.example", Requirements((), (), ("--index-url=https://a.example",))),
        ("-f ./wheels", Requirements((), (), ("--find-links=./wheels",))),
        ("--trusted-host example.com", Requirements()),
        ({"not": "a text"}, Requirements()),
    ],
)
def test_list_requirements_of_an_environment(dependency: Any, expected: Requirements) -> None:
    spec = {"environment_key": "e"}
    assert list_requirements(environment(dependency), spec) == expected


def test_list_requirements_of_libraries() -> None:
    libraries = [
        {"pypi": {"package": "cowsay", "repo": "https://a.example"}},
        {"pypi": {"package": "moo", "repo": "https://a.example"}},
        {"requirements": "dev.txt"},
        {"whl": "a.whl"},
        {"maven": {"coordinates": "a:b:1"}},
    ]
    expected = Requirements(("cowsay", "moo"), ("dev.txt",), ("--index-url=https://a.example",))
    assert list_requirements({}, {"libraries": libraries}) == expected


def test_folder_differs_with_the_packages_and_the_text_of_files(tmp_path: Path) -> None:
    file = tmp_path / "dev.txt"
    packages = Packages(tmp_path, is_enabled=True)
    requirements = Requirements(("a",), (str(file),))
    folders = {packages.find_folder(Requirements(("a",)))}
    for text in ("b", "c"):
        file.write_text(text)
        folders.add(packages.find_folder(requirements))
        assert packages.find_folder(requirements) in folders
    assert len(folders) == 3


def test_nothing_is_installed_unless_it_is_enabled_and_needed(tmp_path: Path) -> None:
    assert Packages(tmp_path, is_enabled=False).find_folder(Requirements(("a",))) is None
    assert Packages(tmp_path, is_enabled=True).find_folder(Requirements()) is None


def test_failed_installation_names_no_credentials_of_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = "https://ann:pass@word@index.example/simple"

    def fail(*_: Any, stdout: Any, **__: Any) -> int:
        stdout.write(f"warning\nerror: no package a at {index}".encode())
        return 1

    monkeypatch.setattr(packages_module, "run_program", fail)
    requirements = Requirements(("a@1",), (), (f"--index-url={index}",))
    with pytest.raises(InstallFailed) as failure:
        Packages(tmp_path, is_enabled=True).install(requirements, {})
    message = str(failure.value)
    assert "ann:" not in message
    assert "word" not in message
    shown = "https://[REDACTED]@index.example/simple"
    assert f"--index-url={shown} -- a@1 failed: warning\nerror: no package a at {shown}" in message


def test_requirements_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    requirements = Requirements((), (str(tmp_path / "gone.txt"),))
    with pytest.raises(InstallFailed, match=r"^Create the requirements file .*/gone\.txt, which"):
        Packages(tmp_path, is_enabled=True).install(requirements, {})


def test_set_of_packages_that_nothing_uses_for_long_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(command: list[str], *_: Any, **__: Any) -> int:
        Path(command[command.index("--target") + 1]).mkdir()
        return 0

    monkeypatch.setattr(packages_module, "run_program", install)
    packages = Packages(tmp_path / "packages", is_enabled=True)
    unused, used, new = (Requirements((name,)) for name in "abc")
    folders = []
    for each in (unused, used):
        packages.install(each, {})
        folders.append(packages.find_folder(each) or tmp_path)
        os.utime(folders[-1], (0, 0))
    packages.install(used, {})
    packages.install(new, {})
    assert [folder.is_dir() for folder in folders] == [False, True]


def test_listed_packages_show_no_credentials() -> None:
    listed = Requirements(("a @ git+https://ann:word@git.example/a.git",)).to_list()
    assert listed == ["a @ git+https://[REDACTED]@git.example/a.git"]
