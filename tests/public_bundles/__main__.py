"""Runs the bundles of the list and writes the page of the docs: ``python -m tests.public_bundles``.

Their code is other people's, and runs on this machine with a home folder of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from .page import write_page
from .runs import BundleReport, run_bundle
from .sources import Listed, NotFetched, extract, read_list

_AT_ONCE = 2
_SECONDS = 180.0


def run_listed(bundles: Iterable[Listed], folder: Path) -> list[BundleReport]:
    """Run the bundles whose repository can be had.

    :param folder: an empty one.
    """
    wanted = list(bundles)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        sources = {each: pool.submit(_extract, *each, folder) for each in _repositories(wanted)}
        found = [
            (each, root)
            for each in wanted
            if (root := sources[each.repository, each.commit].result()) is not None
        ]
        jobs = [pool.submit(_run, each, root, folder) for each, root in found]
        return [job.result() for job in jobs]


def _repositories(bundles: list[Listed]) -> set[tuple[str, str]]:
    return {(each.repository, each.commit) for each in bundles}


def _extract(repository: str, commit: str, folder: Path) -> Path | None:
    root = folder / "sources" / repository  # paths of its author may name its folder
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        extract(repository, commit, root)
    except NotFetched as error:
        print(error, file=sys.stderr)
        return None
    return root


def _run(bundle: Listed, root: Path, folder: Path) -> BundleReport:
    work = folder / "runs" / bundle.name.replace("/", "+")
    print(bundle.name, file=sys.stderr)
    return run_bundle(
        bundle.name,
        root / bundle.folder,
        work,
        target=bundle.target,
        variables=bundle.variables,
        seconds=_SECONDS,
    )


def main() -> int:
    """Run the bundles, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("pattern", nargs="?", default="", help="a part of the bundles' names")
    options = parser.parse_args()
    bundles = [each for each in read_list() if options.pattern in each.name]
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as name:
        reports = run_listed(bundles, Path(name))
    loads.append(os.getloadavg()[0])
    write_page(
        reports,
        f"It was made on {date.today():%B %-d, %Y}, on {os.cpu_count()} processors with a load "
        f"average of {loads[0]:.0f} at the start and {loads[1]:.0f} at the end, {_AT_ONCE} bundles "
        f"at a time. A job that takes more than {_SECONDS:.0f} seconds is canceled.",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
