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


def test_requirements_of_a_file_are_listed_without_comments_and_options(tmp_path: Path) -> None:
    file = tmp_path / "dev.txt"
    file.write_text("# all\ncowsay==6.0  # a cow\n\n--no-index\n")
    assert Requirements(("a",), (str(file),)).to_list() == ["a", "cowsay==6.0"]


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


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("-r sub/more.txt", ["moo"]),
        ("-rsub/more.txt  # all", ["moo"]),
        ("--requirement=sub/more.txt", ["moo"]),
        ("-c sub/more.txt", []),
        ("--constraint './sub/more.txt'", []),
    ],
)
def test_files_that_a_file_names_count_too(tmp_path: Path, line: str, listed: list[str]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "dev.txt").write_text(f"cowsay\n{line}\n")
    more, last = tmp_path / "sub" / "more.txt", tmp_path / "sub" / "last.txt"
    more.write_text("-c last.txt\n-r ../dev.txt\n-r none.txt\nmoo\n")
    requirements = Requirements((), (str(tmp_path / "dev.txt"),))
    packages = Packages(tmp_path, is_enabled=True)
    folders = set()
    for file, text in ((last, "a<2"), (last, "a<3"), (more, "-c last.txt\nmoo\nb")):
        assert requirements.to_list() == ["cowsay", *listed]
        file.write_text(text)
        folders.add(packages.find_folder(requirements))
    assert len(folders) == 3


def test_nothing_is_installed_unless_it_is_enabled_and_needed(tmp_path: Path) -> None:
    assert Packages(tmp_path, is_enabled=False).find_folder(Requirements(("a",))) is None
    assert Packages(tmp_path, is_enabled=True).find_folder(Requirements()) is None


def test_folder_differs_with_the_index(tmp_path: Path) -> None:
    packages = Packages(tmp_path, is_enabled=True)
    own = Requirements(("a",), (), ("--index-url=https://a.example",))
    assert packages.find_folder(own) != packages.find_folder(Requirements(("a",)))


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


UV_CONFLICT = """error: No solution found when resolving dependencies
  cause: Because a==1 depends on b>=2,<3 and you require a==1, we can conclude that you require b>=2,<3.
         And because you require b>=1,!=2, we can conclude that your requirements are unsatisfiable.
"""  # noqa: E501 (as the installer prints it)
UV_PYTHON = """error: No solution found when resolving dependencies
  cause: Because the current Python version (3.11.7) does not satisfy Python>=3.99 and all versions of a depend on Python>=3.99, we can conclude that all versions of a cannot be used.
         And because you require a, we can conclude that your requirements are unsatisfiable.
"""  # noqa: E501 (as the installer prints it)
PIP_PYTHON = """ERROR: Ignored the following versions that require a different python version: 1.0 Requires-Python >=3.99; 1.1 Requires-Python >=3.99
ERROR: No matching distribution found for a
"""  # noqa: E501 (as the installer prints it)
PIP_CONFLICT = """ERROR: Cannot install a==1, b==2 and c because these package versions conflict.
ERROR: ResolutionImpossible: for help visit https://pip.example/
"""


@pytest.mark.parametrize(
    ("log", "blamed"),
    [
        (UV_CONFLICT, "a==1 and b>=1,!=2 cannot be installed together"),
        (PIP_CONFLICT, "a==1, b==2 and c cannot be installed"),
        (
            "ERROR: No matching distribution found for a<100,>=99\n",
            "a<100,>=99 cannot be installed",
        ),
        ("error: Failed to build `a==1`\n" + "gcc\n" * 2000, "a==1 cannot be installed"),
        ("because a was not found and you require a.\n", "a cannot be installed"),
        (UV_PYTHON, "a cannot be installed"),
        (PIP_PYTHON, "a cannot be installed"),
    ],
)
def test_failed_installation_names_the_packages_that_it_blames(
    log: str, blamed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, stdout: Any, **__: Any) -> int:
        stdout.write(log.encode())
        return 1

    monkeypatch.setattr(packages_module, "run_program", fail)
    with pytest.raises(InstallFailed) as failure:
        Packages(tmp_path, is_enabled=True).install(Requirements(("a",)), {})
    first = str(failure.value).partition(". ")[0]
    advice = ", or run the local workspace on Python >=3.99" if "3.99" in log else ""
    assert first == f"Correct the packages that the task lists{advice}: {blamed}"


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


@pytest.mark.parametrize(
    ("folders", "has_pyarrow", "installed"),
    [
        (["numpy-1.26.4.dist-info"], True, ["a", "pyarrow>=18,<23"]),
        (["numpy-1.26.4.dist-info"], False, ["a"]),
        (["numpy-1.26.4.dist-info", "pyarrow"], True, ["a"]),
        (
            ["numpy-1.26.4.dist-info", "pyarrow-15.0.2.dist-info", "pyarrow"],
            True,
            ["a", "pyarrow>=18,<23"],
        ),
        (["numpy-2.1.0.dist-info"], True, ["a"]),
    ],
)
def test_pyarrow_is_installed_beside_numpy_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folders: list[str],
    has_pyarrow: bool,
    installed: list[str],
) -> None:
    """The pyarrow of the app may refuse the numpy of the task, and Spark needs both."""
    packages = []

    def install(command: list[str], *_: Any, **__: Any) -> int:
        target = Path(command[command.index("--target") + 1])
        for folder in folders:
            (target / folder).mkdir(parents=True, exist_ok=True)
        packages.append(command[-1])
        return 0

    monkeypatch.setattr(packages_module, "run_program", install)
    monkeypatch.setattr(packages_module, "find_spec", lambda _: has_pyarrow or None)
    Packages(tmp_path, is_enabled=True).install(Requirements(("a",)), {})
    assert packages == installed


@pytest.mark.parametrize(
    ("infos", "packages"),
    [
        (["pandas-1.5.3", "numpy-2.4.6"], ["a", "numpy<2"]),
        (["scikit_learn-1.4.1.post1", "numpy-2.1.0"], ["a", "numpy<2"]),
        (["pandas-1.5.3", "numpy-1.26.4"], ["a"]),
        (["pandas-2.2.2", "scikit_learn-1.4.2", "numpy-2.4.6"], ["a"]),
        (["numpy-2.4.6"], ["a"]),
    ],
)
def test_package_that_was_built_for_numpy_1_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, infos: list[str], packages: list[str]
) -> None:
    """Their metadata takes any numpy, and their import crashes with numpy 2."""
    commands = []

    def install(command: list[str], *_: Any, **__: Any) -> int:
        target = Path(command[command.index("--target") + 1])
        for info in infos:
            (target / f"{info}.dist-info").mkdir(parents=True)
        commands.append(command[command.index("--") + 1 :])
        return 0

    monkeypatch.setattr(packages_module, "run_program", install)
    monkeypatch.setattr(packages_module, "find_spec", lambda _: None)
    Packages(tmp_path, is_enabled=True).install(Requirements(("a",)), {})
    assert commands[-1] == ["setuptools", *packages]
    assert len(commands) == len(packages)


def test_packages_of_clusters_keep_their_version_unless_the_task_needs_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constraints = []

    def install(command: list[str], *_: Any, **__: Any) -> int:
        target = Path(command[command.index("--target") + 1])
        (target / "leftover").mkdir(parents=True)  # fails if that of the first attempt is there
        files = [each.removeprefix("--constraint=") for each in command if "--constraint" in each]
        packages = command[command.index("--") + 1 :]
        constraints.append((packages, [Path(each).read_text().split() for each in files]))
        return int(bool(files) and command[-1] == "mlflow>=3.14")

    monkeypatch.setattr(packages_module, "run_program", install)
    monkeypatch.setattr(packages_module, "find_spec", lambda _: None)
    packages = Packages(tmp_path, is_enabled=True)
    packages.install(Requirements(("mlflow",)), {})
    packages.install(Requirements(("mlflow>=3.14",)), {})
    packages.install(Requirements(("MLflow==3.6",)), {})
    versions = ["mlflow<3.14", "pandas<3", "setuptools<81", "mlflow-skinny<3.14"]
    assert constraints == [
        (["setuptools", "mlflow"], [versions]),
        (["setuptools", "mlflow>=3.14"], [versions]),
        (["mlflow>=3.14"], []),
        (["setuptools", "MLflow==3.6"], [["pandas<3", "setuptools<81"]]),
    ]


@pytest.mark.parametrize(
    ("name", "module", "listed", "kept"),
    [
        ("databricks_connect", "databricks/connect", "16.1.2", False),
        ("pyspark", "pyspark", "9.0.0", False),
        ("pandas", "pandas", "1.5.3", False),
        ("pandas", "pandas", "2.2.0", True),
        ("protobuf", "google/protobuf", "4.25.9", False),
        ("protobuf", "google/protobuf", "7.36.2", True),
        ("protobuf", "google/protobuf", "8.0.0", True),
        ("pyarrow", "pyarrow", "15.0.2", False),
        ("pyarrow", "pyarrow", "18.0.0", True),
    ],
)
def test_older_package_does_not_hide_that_of_spark(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: str,
    listed: str,
    kept: bool,
) -> None:
    def install(command: list[str], *_: Any, **__: Any) -> int:
        target = Path(command[command.index("--target") + 1])
        for folder in (f"{name}-{listed}.dist-info", module, "google/auth"):
            (target / folder).mkdir(parents=True)
        return 0

    monkeypatch.setattr(packages_module, "run_program", install)
    monkeypatch.setattr(packages_module, "find_spec", lambda _: True)
    monkeypatch.setattr(packages_module, "version", lambda _: "7.36.2")
    packages, requirements = Packages(tmp_path, is_enabled=True), Requirements(("a",))
    packages.install(requirements, {})
    folder = packages.find_folder(requirements)
    assert folder is not None
    assert (folder / module).exists() == kept
    assert (folder / f"{name}-{listed}.dist-info").exists() == kept
    assert (folder / "google/auth").exists()
