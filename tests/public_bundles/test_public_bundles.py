"""Bundles of our own, modelled on public ones, and those of the list where they can be fetched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.public_bundles.__main__ import run_listed
from tests.public_bundles.runs import BundleReport, run_bundle
from tests.public_bundles.sources import MODELS, NotFetched, extract, read_list
from tests.public_bundles.verdicts import Verdict, find_verdict, has_remedy

#: The tasks of the models that fail, and why. All other ones run.
FAILURES = {
    ("authors_surroundings", "dashboard"): Verdict.NOT_HERE,
    ("authors_surroundings", "file"): Verdict.SURROUNDINGS,
    ("authors_surroundings", "host"): Verdict.SURROUNDINGS,
    ("authors_surroundings", "module"): Verdict.EXTRA,
    ("authors_surroundings", "secret"): Verdict.SURROUNDINGS,
    ("authors_surroundings", "table"): Verdict.SURROUNDINGS,
    ("authors_surroundings", "variable"): Verdict.SURROUNDINGS,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[BundleReport]:
    """The reports of the modelled bundles."""
    folder = tmp_path_factory.mktemp("models")
    with ThreadPoolExecutor(2) as pool:
        return list(
            pool.map(
                lambda root: run_bundle(root.name, root, folder / root.name),
                sorted(MODELS.iterdir()),
            )
        )


def test_modelled_bundles_run(models: list[BundleReport]) -> None:
    assert [each.name for each in models if each.refusal or not each.tasks] == []
    assert [each.name for each in models if each.not_reached] == []
    failed = {
        (each.name, task.task): find_verdict(task.error)
        for each in models
        for task in each.tasks
        if task.error
    }
    assert failed == FAILURES, [task for each in models for task in each.tasks if task.error]


def test_failures_of_modelled_bundles_say_what_to_do(models: list[BundleReport]) -> None:
    errors = [task.error for each in models for task in each.tasks if task.error]
    assert [error for error in errors if not has_remedy(error)] == []
    assert len(errors) == len(FAILURES)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> list[BundleReport]:
    """The reports of the bundles of the list."""
    bundles = list(read_list())
    folder = tmp_path_factory.mktemp("public")
    try:
        extract(bundles[0].repository, bundles[0].commit, folder / "first")
    except NotFetched as error:
        pytest.skip(f"{error}. Name a folder of clones in PUBLIC_BUNDLES.")
    return run_listed(bundles, folder)


def test_failures_of_public_bundles_say_what_to_do(public: list[BundleReport]) -> None:
    errors = [each.refusal for each in public if each.refusal]
    errors += [
        task.error
        for each in public
        for task in each.tasks
        if find_verdict(task.error) not in (Verdict.RAN, Verdict.TIME, Verdict.OWN)
    ]
    assert [error for error in errors if not has_remedy(error)] == []


def test_public_bundles_run(public: list[BundleReport]) -> None:
    # A slow machine makes a task late, not wrong.
    verdicts = [find_verdict(task.error) for each in public for task in each.tasks]
    assert sum(each in (Verdict.RAN, Verdict.TIME) for each in verdicts) >= 50
