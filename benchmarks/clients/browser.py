"""A page in Chromium, and what its DevTools protocol says about it."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..servers import NotInstalled

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: The events of a trace that are tasks of a thread, with their processor time.
TASK = "ThreadControllerImpl::RunTask"


@dataclass
class Traffic:
    """The traffic of a page, in both directions.

    :param received: bytes on the wire, headers included, by the last part of the path.
    :param requests: how many, by the last part of the path.
    :param tasks: the milliseconds of processor time of each task of the page's main thread, known
        at the end.
    """

    received: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    tasks: list[float] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _bodies: Counter[str] = field(default_factory=Counter)

    def add_request(self, event: Mapping[str, Any]) -> None:
        name = urlsplit(event["request"]["url"]).path.rsplit("/", 1)[-1]
        self._names[event["requestId"]] = name
        self.requests[name] += 1

    def add_data(self, event: Mapping[str, Any]) -> None:
        """Count a part of a body. Of a stream, nothing else is known."""
        self._bodies[event["requestId"]] += event["dataLength"]
        self.received[self._names[event["requestId"]]] += event["dataLength"]

    def add_end(self, event: Mapping[str, Any]) -> None:
        """Count a response as it was on the wire: compressed, with its headers."""
        excess = self._bodies[event["requestId"]] - int(event["encodedDataLength"])
        self.received[self._names[event["requestId"]]] -= excess


@contextlib.contextmanager
def opened() -> Iterator[tuple[Page, Traffic]]:
    """Open an empty page.

    :raises NotInstalled: there is no Chromium, or no playwright.
    """
    program = shutil.which("chromium")
    if program is None:
        raise NotInstalled("chromium is not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotInstalled("playwright is not installed") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        devtools, traffic = page.context.new_cdp_session(page), Traffic()
        devtools.send("Network.enable")
        devtools.on("Network.requestWillBeSent", traffic.add_request)
        devtools.on("Network.dataReceived", traffic.add_data)
        devtools.on("Network.loadingFinished", traffic.add_end)
        trace: list[Mapping[str, Any]] = []
        tracing = browser.new_browser_cdp_session()
        tracing.on("Tracing.dataCollected", lambda event: trace.extend(event["value"]))
        categories = {"includedCategories": ["toplevel", "devtools.timeline"]}
        tracing.send("Tracing.start", {"traceConfig": categories})
        yield page, traffic
        is_complete: list[Any] = []
        tracing.on("Tracing.tracingComplete", lambda event: is_complete.append(event))
        tracing.send("Tracing.end")
        while not is_complete:
            page.wait_for_timeout(100)
        traffic.tasks = _tasks_of_page(trace, page.url)
        browser.close()


def _tasks_of_page(trace: Sequence[Mapping[str, Any]], url: str) -> list[float]:
    """Return the milliseconds of processor time of each task of the thread that runs its scripts.

    Chromium has pages of its own, such as that of the suggestions for addresses.
    """
    origin = url[: url.index("/", len("https://"))]
    threads = {
        (each["pid"], each["tid"])
        for each in trace
        if each["name"] == "FunctionCall"
        and str(each.get("args", {}).get("data", {}).get("url")).startswith(origin)
    }
    return [
        each["tdur"] / 1000
        for each in trace
        if each["name"] == TASK and (each["pid"], each["tid"]) in threads and "tdur" in each
    ]
