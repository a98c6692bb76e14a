"""The bundle reader makes of the CLI's test bundles what the CLI made of them, as recorded."""

from __future__ import annotations

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import Workspace
from tests.local.support import Client, simulated_job, simulated_task, write_bundle
from tests.recordings.__main__ import Comparison, compare_all
from tests.recordings.requests import Replay, find_requests

# The address of the repository, or the folder of a copy.
REPOSITORY = os.environ.get("CLI_REPOSITORY", "https://github.com/databricks/cli")

#: The version whose figures the docs name. Its scripts run here, so no other one is fetched.
COMMIT = "7bbe2852131bc5c4a6c7bad5f147bc7772eedf9f"

# The CLI's own tests call some of these behaviors bugs; the reader follows the documentation.
EXCEPTIONS = {
    "includes/glob_in_root_path": "signs of patterns in the bundle's folder do no harm here",
    "resource_deps/bad_syntax": "`bundle plan` fails, which deploys",
    "validate/presets_name_prefix_dev": "the user's name on this machine may be another one",
    "variables/complex-transitive-deeper": "the CLI gives up on references that can be replaced",
}


@pytest.fixture(scope="module")
def acceptance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``acceptance`` of the CLI's repository."""
    folder = tmp_path_factory.mktemp("cli")
    try:
        archive = _read_archive(folder)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{REPOSITORY} cannot be fetched: {error}. Name a copy in CLI_REPOSITORY.")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "acceptance"


def _read_archive(folder: Path) -> bytes:
    repository = Path(REPOSITORY)
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    if not repository.is_dir():
        repository = folder
        for command in (["init"], ["fetch", "--depth", "1", REPOSITORY, COMMIT]):
            _git(folder, *command, "--quiet", environment=environment)
    return _git(
        repository,
        "archive",
        COMMIT,
        "acceptance/bundle",
        "acceptance/bin",
        environment=environment,
    )


def _git(folder: Path, *arguments: str, environment: dict[str, str]) -> bytes:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607 (that of the machine)
        check=True,
        capture_output=True,
        env=environment,
        timeout=120,
    ).stdout


@pytest.fixture(scope="module")
def comparison(acceptance: Path) -> Comparison:
    """All scenarios, compared."""
    return compare_all(acceptance)


def test_documents_are_equal_or_differ_in_what_does_not_matter(comparison: Comparison) -> None:
    different = [each for each in comparison.documents if each.verdict == "different"]
    assert [(each.scenario, each.name, each.differences) for each in different] == []
    assert len(comparison.documents) > 80


def test_bundles_are_accepted_or_refused_as_recorded(comparison: Comparison) -> None:
    unlike = {
        (each.scenario, each.call, each.error)
        for each in comparison.comparable_decisions()
        if each.recorded != each.ours and each.scenario not in EXCEPTIONS
    }
    assert unlike == set()


def test_requests_about_jobs_and_files_are_answered(acceptance: Path, tmp_path: Path) -> None:
    jobs = {"etl": simulated_job(simulated_task("main"))}
    (tmp_path / "bundle").mkdir()
    bundle = write_bundle(tmp_path / "bundle", jobs, {})
    requests = list(find_requests(acceptance / "bundle"))
    unexpected = []
    with Workspace(bundle, tmp_path / "folder") as address:
        replay = Replay(Client(address, {}))
        for request in requests:
            status, answer = replay.send(request)
            if not replay.is_expected(request, status, answer):
                unexpected.append((request, status, answer))
    assert unexpected == []
    assert len(requests) > 400
