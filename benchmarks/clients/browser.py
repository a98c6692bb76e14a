"""A page in Chromium, and what its DevTools protocol says about it."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..servers import NotInstalled

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Keeps the milliseconds of each long task, from the first one on.
OBSERVE_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((each) => each.duration)))
  .observe({ type: "longtask", buffered: true });
"""


@dataclass
class Traffic:
    """What a page has sent and received.

    :param received: bytes on the wire, headers included, by the last part of the path.
    :param requests: how many, by the same.
    """

    received: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
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
        page.add_init_script(OBSERVE_LONG_TASKS)
        devtools, traffic = page.context.new_cdp_session(page), Traffic()
        devtools.send("Network.enable")
        devtools.on("Network.requestWillBeSent", traffic.add_request)
        devtools.on("Network.dataReceived", traffic.add_data)
        devtools.on("Network.loadingFinished", traffic.add_end)
        yield page, traffic
        browser.close()
