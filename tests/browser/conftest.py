"""Fixtures for tests in Chromium, whose pages must not log errors."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.proxy import MakeProxy, Proxy
from tests.console.conftest import app, make_shop, shop
from tests.support import DEADLINE

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Browser, Page

    from tests.conftest import Serve

__all__ = ["app", "make_shop", "shop"]  # fixtures of the console's tests

# The shell has no window, and takes a third less processor time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")

if importlib.util.find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]

#: Root needs ``--no-sandbox``; the other flags keep background requests out.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Console messages of Chromium about failed requests and login pages, which tests cause on purpose.
REQUEST_MESSAGES = ("Failed to load resource", "EventSource's response has a MIME type")

#: A script for screenshots: Chromium without a window blocks notifications.
ALLOW_NOTIFICATIONS = "Object.defineProperty(Notification, 'permission', {value: 'default'})"

OpenPage = Callable[..., "Page"]
CheckAccessibility = Callable[["Page"], None]


def find_violations(
    page: Page, *rules: str, without: Sequence[str] = (), outside: Sequence[str] = ()
) -> list[str]:
    """Return what axe-core finds in a page.

    :param rules: the only rules to check; none: all.
    :param without: the rules to leave out.
    :param outside: selectors of the parts to leave out.
    """
    from axe_playwright_python.sync_playwright import Axe

    options = {
        "resultTypes": ["violations"],
        "rules": {rule: {"enabled": False} for rule in without},
        **({"runOnly": list(rules)} if rules else {}),
    }
    context = {"exclude": [[selector] for selector in outside]}
    response = Axe().run(page, context=context, options=options).response
    # axe only doubts a name on an element whose role has none; screen readers leave it out.
    doubted = [each for each in response["incomplete"] if each["id"] == "aria-prohibited-attr"]
    found = [*response["violations"], *doubted]
    return [
        f"{each['id']}: {each['help']}: {node['target']}"
        for each in found
        for node in each["nodes"]
    ]


def find_violations_of_both_schemes(page: Page, outside: Sequence[str] = ()) -> list[str]:
    """Return what axe-core finds in a page. Contrast alone depends on the scheme.

    :param outside: selectors of the parts to leave out.
    """
    page.emulate_media(color_scheme="dark")
    found = find_violations(page, "color-contrast", outside=outside)
    page.emulate_media(color_scheme="light")
    return [*found, *find_violations(page, outside=outside)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system."""
    if CHROMIUM is None and "CI" not in os.environ:
        pytest.skip("Chromium is not installed.")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=DEADLINE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(app: Flask, serve: Serve) -> str:
    """The address of the shop's console."""
    return serve(app)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """A function that opens a page in its own context; teardown fails if a page logged an error.

    Messages about failed requests are ignored.
    """
    errors: list[str] = []
    pages: list[Page] = []

    def open_page(url: str = "about:blank", **context: object) -> Page:
        page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(DEADLINE * 1000)
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(f"{error}"))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type in ("error", "warning")
                and not any(text in message.text for text in REQUEST_MESSAGES)
                else None
            ),
        )
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert not errors


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", help="a folder for screenshots of the pages")


@pytest.fixture
def screenshots(pytestconfig: pytest.Config, tmp_path: Path) -> Path:
    """The folder of ``--screenshots``, else a temporary one."""
    folder = Path(pytestconfig.getoption("--screenshots", default=None) or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def check_accessibility() -> CheckAccessibility:
    """A function that asserts that axe-core finds no violation in a page, light and dark."""

    def check(page: Page) -> None:
        assert find_violations_of_both_schemes(page) == []

    return check


@pytest.fixture
def make_proxy() -> Iterator[MakeProxy]:
    """A function that starts a proxy in front of an app."""
    proxies: list[Proxy] = []

    def make(url: str) -> Proxy:
        proxy = Proxy(url)
        proxies.append(proxy)
        return proxy

    yield make
    for proxy in proxies:
        proxy.close()
