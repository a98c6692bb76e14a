"""Compares our reader with the recordings: ``python -m tests.recordings [FOLDER] [PATTERN]``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .comparison import Decision, Document, compare_decisions, compare_documents
from .immaterial import find_other_decision
from .scenario import read_recorded, run_scenario

# Other commands than those that read a bundle.
_OTHERS = ("benchmarks", "config-remote-sync", "generate", "invariant", "migrate", "templates")


def find_scenarios(root: Path, pattern: str = "") -> list[Path]:
    """Return the folders of the scenarios that read a bundle."""
    found = []
    for script in sorted((root / "bundle").rglob("script")):
        text = script.read_text(encoding="utf-8")
        kind = script.relative_to(root / "bundle").parts[0]
        if pattern not in str(script) or "bundle init" in text or kind in _OTHERS:
            continue
        if "bundle validate" in text or ("bundle deploy" in text and _records_jobs(script.parent)):
            found.append(script.parent)
    return found


def _records_jobs(folder: Path) -> bool:
    recorded = read_recorded(folder)
    texts = (recorded.text, *recorded.files.values())
    return any('"MULTI_TASK"' in text or '"task_key"' in text for text in texts)


def compare(
    root: Path, folder: Path, work: Path, server: Path
) -> tuple[list[Document], list[Decision]]:
    """Run a scenario, and compare."""
    name = str(folder.relative_to(root / "bundle"))
    recorded = read_recorded(folder)
    work.mkdir()
    run = run_scenario(root, folder, work, server)
    return list(compare_documents(name, recorded, run)), list(
        compare_decisions(name, recorded, run)
    )


def start_server(path: Path) -> subprocess.Popen[bytes]:
    """Start the stand-in for the CLI."""
    process = subprocess.Popen([sys.executable, "-m", "tests.recordings.stand_in", str(path)])
    while not path.exists() and process.poll() is None:
        time.sleep(0.05)
    return process


@dataclass(slots=True)
class Comparison:
    """All scenarios, compared."""

    documents: list[Document] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def comparable_decisions(self) -> Iterator[Decision]:
        """Yield the decisions about what a local run needs."""
        for each in self.decisions:
            # A deployment fails for many reasons.
            is_reading = "bundle validate" in each.call or each.recorded
            if is_reading and not find_other_decision(each.scenario):
                yield each


def compare_all(root: Path, pattern: str = "") -> Comparison:
    """Compare all scenarios whose path contains a pattern.

    :param root: the folder ``acceptance`` of the CLI's repository.
    """
    comparison = Comparison()
    root = root.resolve()
    scenarios = find_scenarios(root, pattern)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        server = start_server(folder / "socket")
        try:
            jobs = [
                pool.submit(compare, root, each, folder / str(number), folder / "socket")
                for number, each in enumerate(scenarios)
            ]
            for job in jobs:
                documents, decisions = job.result()
                comparison.documents += documents
                comparison.decisions += decisions
        finally:
            server.terminate()
            server.wait()
    return comparison


def main() -> int:
    """Print the figures, and each difference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path, help="the folder 'acceptance' of the CLI's repository")
    parser.add_argument("pattern", nargs="?", default="")
    options = parser.parse_args()
    comparison = compare_all(options.root, options.pattern)
    for document in comparison.documents:
        if document.verdict == "different":
            print(f"\n{document.scenario}: {document.name}")
            for path, theirs, ours, reason in document.differences:
                if not reason:
                    print(f"  {path}: recorded {theirs!r:.150}, ours {ours!r:.150}")
    print()
    alike: dict[str, bool] = {}
    for each in comparison.comparable_decisions():
        alike[each.scenario] = alike.get(each.scenario, True) and each.recorded == each.ours
        if each.recorded != each.ours:
            verb = "accepts" if each.recorded else "refuses"
            print(f"{each.scenario}: the CLI {verb} {each.call} ({each.error:.200})")
    verdicts = Counter(each.verdict for each in comparison.documents)
    print(f"{len(comparison.documents)} documents: {dict(verdicts)}")
    print(f"{len(alike)} bundles: {sum(alike.values())} accepted or refused alike")
    return 0


if __name__ == "__main__":
    sys.exit(main())
