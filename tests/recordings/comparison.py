"""Compares what our reader made of a scenario with the recording of the CLI."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .immaterial import find_reason, is_other_document
from .scenario import Output, Run

_SIGNS = ("task_key", "job_cluster_key", "MULTI_TASK", "max_concurrent_runs")
# Fields of a deployment's plan and state, which nothing here has.
_STATE = {"new_settings", "plan_version", "state_version", "__id__", "k"}
_JSON_START = re.compile(r"^[{\[]", re.MULTILINE)


@dataclass(slots=True)
class Document:
    """A recorded document about jobs.

    :param differences: path, recorded value, our value and the reason for which that does not
        matter to a local run; the reason is empty if it does.
    """

    scenario: str
    name: str
    differences: list[tuple[str, Any, Any, str]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """``equal``, ``immaterial`` or ``different``."""
        if not self.differences:
            return "equal"
        return "immaterial" if all(reason for *_, reason in self.differences) else "different"


@dataclass(slots=True)
class Decision:
    """The decisions of the CLI and of our reader to accept or refuse a bundle."""

    scenario: str
    call: str
    recorded: bool
    ours: bool
    error: str


def compare_documents(scenario: str, recorded: Output, run: Run) -> Iterator[Document]:
    """Yield each document of a recording that is about jobs."""
    ours = run.output.sections()
    for name, body in recorded.sections().items():
        refused = "musterr" in name or "Exit code:" in body
        mine = [each for each in _documents(ours.get(name, "")) if _resembles_jobs(_jobs_of(each))]
        theirs = [] if refused else [_jobs_of(each) for each in _documents(body)]
        for index, each in enumerate(filter(_resembles_jobs, theirs)):
            my = _find(each, index, [_jobs_of(other) for other in mine])
            if is_other_document(scenario, name):
                continue
            document = Document(scenario, f"{name or 'output'}[{index}]")
            document.differences += _differences(each, my, "")
            yield document


def compare_decisions(scenario: str, recorded: Output, run: Run) -> Iterator[Decision]:
    """Yield whether each call of the CLI was taken, as recorded and as our reader did."""
    texts = [recorded, *(Output(each, {}) for each in recorded.files.values())]
    sections = {
        f"{name} #{number}": body
        for number, text in enumerate(texts)
        for name, body in text.sections().items()
    }
    numbers: dict[str, int] = {}
    for position, call in enumerate(run.calls):
        command = " ".join(["[CLI]", *call["argv"]])
        traced = [
            (name, body)
            for name, body in sections.items()
            if re.sub(r"( #\d+)+$", "", name).endswith(command)
        ]
        number = numbers[command] = numbers.get(command, 0) + 1
        is_last = position == len(run.calls) - 1
        if call["wrapper"] == "musterr":
            refused = True
        elif traced:
            name, body = traced[min(number, len(traced)) - 1]
            refused = "musterr" in name or "Exit code:" in body
        else:
            refused = "Exit code:" in recorded.text and is_last
        yield Decision(scenario, command, not refused, not call["error"], call["error"])


def _as_user(text: str) -> str:
    # Some recordings have a placeholder for the user's short name, too, and some bundles name the
    # user.
    return re.sub(r"tester@(localhost|databricks\.com)", "tester", text)


def _documents(text: str) -> list[Any]:
    found = []
    # An id that is hidden was a number.
    text = re.sub(r": \[NUMID\]", ': "[NUMID]"', _as_user(text))
    decoder = json.JSONDecoder()
    position = 0
    while match := _JSON_START.search(text, position):
        try:
            value, position = decoder.raw_decode(text, match.start())
            found.append(value)
        except ValueError:
            position = match.end()
    return found


def _jobs_of(document: Any) -> Any:
    """Return the part of a document that is about jobs."""
    if isinstance(document, dict):
        if "path" in document and "method" in document:
            return document.get("body") if "/jobs/create" in document["path"] else {}
        if "resources" in document:
            return (document["resources"] or {}).get("jobs")
        if "jobs" in document:
            return document["jobs"]
        if "tasks" in document and "workspace" in document:
            return document["tasks"]
        if document.keys() & _STATE:
            return {}
    return document


def _find(document: Any, index: int, ours: list[Any]) -> Any:
    """Return our document for a recorded one: that of the same name, else of the same position."""
    if isinstance(document, dict) and isinstance(name := document.get("name"), str):
        for each in ours:
            if isinstance(each, dict) and each.get("name") == name:
                return each
    return ours[index] if index < len(ours) else None


def _resembles_jobs(document: Any) -> bool:
    text = json.dumps(document)
    return any(f'"{sign}"' in text for sign in _SIGNS)


def _differences(theirs: Any, ours: Any, path: str) -> Iterator[tuple[str, Any, Any, str]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            yield from _differences(theirs.get(key), ours.get(key), f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        mine, others = _by_key(ours), _by_key(theirs)
        if mine is not None and others is not None:
            yield from _differences(others, mine, path)
            return
        for index in range(max(len(theirs), len(ours))):
            yield from _differences(
                theirs[index] if index < len(theirs) else None,
                ours[index] if index < len(ours) else None,
                f"{path}[{index}]",
            )
    elif theirs != ours:
        yield path, theirs, ours, find_reason(path, theirs, ours)


def _by_key(items: list[Any]) -> dict[str, Any] | None:
    """Return tasks by their key. The CLI sorts them; their order means nothing."""
    if items and all(isinstance(each, dict) and each.get("task_key") for each in items):
        found = {each["task_key"]: each for each in items}
        return found if len(found) == len(items) else None
    return None
