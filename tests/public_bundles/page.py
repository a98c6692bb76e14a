"""The page of the docs about public bundles, from the reports of a run."""

from __future__ import annotations

import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .runs import BundleReport
from .verdicts import Verdict, find_verdict, read_first_sentences

PAGE = Path(__file__).parents[2] / "docs/reference/public-bundles.md"
_HEAD = """# Public bundles

<!-- Written by `python -m tests.public_bundles`. Do not edit it. -->

Bundles of other people, read and run on the [local workspace](local.md) as they are. The
extras `bundles`, `dbt`, `local`, `spark` and `sql` are installed, with a full pyspark in place of
`pyspark-client`, and `LAKEFLOW_JOBS_LOCAL_INSTALL` is on. The list, with the commit of each
repository, is `tests/public_bundles/bundles.yml`. `tox -e public-bundles` runs it, and models of
such bundles.

"""
_MACHINE = re.compile(r"(?<![\w.])/(?:tmp|work|root|home|Users/runner)/[^\s'\"`,;:)\]]*")


def write_page(reports: Sequence[BundleReport], machine: str) -> None:
    """Write the page.

    :param machine: the sentences about the machine and its load.
    """
    head = f"{_HEAD}{textwrap.fill(machine, 100)}\n\n{_summary(reports)}"
    PAGE.write_text("\n".join([head, *_bundles(reports), *_tasks(reports)]))


def _summary(reports: Sequence[BundleReport]) -> str:
    loaded = [each for each in reports if not each.refusal]
    tasks = [task for each in loaded for task in each.tasks]
    verdicts = Counter(find_verdict(task.error) for task in tasks)
    lines = [f"- {len(loaded)} of {len(reports)} bundles load.", f"- {len(tasks)} tasks started:"]
    lines += [f"  - {verdicts[each]}: {each.value}" for each in Verdict if verdicts[each]]
    lines.append(f"- {sum(each.not_reached for each in loaded)} tasks wait for one that failed.")
    return "\n".join(lines) + "\n"


def _bundles(reports: Iterable[BundleReport]) -> Iterator[str]:
    yield "## Bundles\n\n| Bundle | Loads | Tasks that ran | Failed | Not reached |"
    yield "| --- | --- | --- | --- | --- |"
    for each in reports:
        ran = sum(not task.error for task in each.tasks)
        failed = len(each.tasks) - ran
        loads = f"no: {_code(each.refusal)}" if each.refusal else "yes"
        yield f"| {each.name} | {loads} | {ran} | {failed} | {each.not_reached} |"
    yield ""


def _tasks(reports: Iterable[BundleReport]) -> Iterator[str]:
    yield "## Tasks that fail\n\n| Bundle | Task | Why | Error |\n| --- | --- | --- | --- |"
    for each in reports:
        rows = dict.fromkeys(
            f"| {each.name} | `{task.task}` ({task.kind}) | {find_verdict(task.error).value} "
            f"| {_code(task.error)} |"
            for task in each.tasks
            if task.error
        )
        yield from rows
    yield ""


def _code(error: str) -> str:
    """Show the first sentences of an error as code, without the paths of this machine."""
    text = _MACHINE.sub("…", error.replace(sys.prefix, "…"))
    return f"`{read_first_sentences(text).replace('`', chr(39)).replace('|', '/')}`"
