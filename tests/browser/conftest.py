"""Chromium, and pages that must not complain."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.proxy import Proxy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")

if importlib.util.find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]

#: Nothing but the pages under test: no sandbox as root, no calls home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: How Chromium begins what it says of a request that failed, or that a login page answered.
OF_REQUESTS = ("Failed to load resource", "EventSource's response has a MIME type")

OpenPage = Callable[..., "Page"]
CheckAccessibility = Callable[["Page"], None]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    if CHROMIUM is None and "CI" not in os.environ:
        pytest.skip("There is no Chromium on this machine.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages in contexts of their own; none may have had an error at the end.

    What a browser says of requests that fail is no error of the page, and is left out.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def open_page(url: str = "about:blank", **context: object) -> Page:
        page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(f"{error}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning")
                and not any(words in message.text for words in OF_REQUESTS)
                else None
            ),
        )
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert not complaints


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", help="a folder to keep pictures of the pages in")


@pytest.fixture
def screenshots(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """Where pictures are put: for good, if the command line says so."""
    folder = Path(pytestconfig.getoption("--screenshots", default=None) or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def check_accessibility() -> CheckAccessibility:
    """Has axe-core look at a page; it may find nothing."""
    from axe_playwright_python.sync_playwright import Axe

    def check(page: Page) -> None:
        found = Axe().run(page).response["violations"]
        assert not [
            (each["id"], each["help"], [node["target"] for node in each["nodes"]]) for each in found
        ]

    return check


@pytest.fixture
def make_proxy() -> Iterator[Callable[[str], Proxy]]:
    """Puts a proxy in front of an app."""
    proxies: list[Proxy] = []

    def make(url: str) -> Proxy:
        proxy = Proxy(url)
        proxies.append(proxy)
        return proxy

    yield make
    for proxy in proxies:
        proxy.close()
