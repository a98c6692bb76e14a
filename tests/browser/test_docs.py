"""The built documentation in Chromium: phones and desktops, light and dark."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import OpenPage, find_violations, find_violations_of_both_schemes
from tests.docs.blocks import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

if "CI" not in os.environ:
    pytest.importorskip("furo", reason="needs the theme of the documentation")

PHONE, DESKTOP = 390, 1280
NAVIGATION = ".sidebar-drawer"

#: The pages of the documentation as paths: ``""`` is the landing page.
PAGES = sorted(
    page.relative_to(ROOT / "docs").with_suffix("").as_posix().removesuffix("index")
    for page in (ROOT / "docs").rglob("*.md")
)


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture(scope="session")
def docs_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the built documentation."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-Q", "-b", "dirhtml", "docs", str(folder)],
        cwd=ROOT,
        check=True,
    )
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def sideways(page: Page) -> int:
    """Return by how many pixels the page scrolls sideways."""
    found = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(int(found), 0)


def check_pages(page: Page, site: str, find: Callable[[], list[str]]) -> None:
    """Assert that no page is too wide, loads from another host or has a problem.

    :param find: returns the problems of the page that is open.
    """
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    problems = []
    for path in PAGES:
        page.goto(f"{site}/{path}")
        if pixels := sideways(page):
            problems.append(f"/{path} is {pixels} px too wide")
        # The rows of a table are alike, and some tables have hundreds.
        page.evaluate(
            """document.querySelectorAll("tbody").forEach(
                table => [...table.rows].slice(20).forEach(row => row.remove())
            )"""
        )
        problems += [f"/{path} {found}" for found in find()]
    assert problems == []
    assert hosts == {urlsplit(site).netloc}


def test_pages_are_accessible_in_both_schemes(docs_site: str, open_page: OpenPage) -> None:
    page = open_page(viewport={"width": DESKTOP, "height": 900})
    # The navigation is the same on each page, so it is checked once.
    page.goto(docs_site)
    assert find_violations_of_both_schemes(page) == []
    check_pages(page, docs_site, lambda: find_violations_of_both_schemes(page, [NAVIGATION]))


def test_pages_fit_a_phone_and_are_accessible_there(docs_site: str, open_page: OpenPage) -> None:
    page = open_page(viewport={"width": PHONE, "height": 900})
    # Colors are those of the desktop, and take the longest to check.
    check_pages(page, docs_site, lambda: find_violations(page, without=["color-contrast"]))


def test_code_block_copy_button_is_there(docs_site: str, open_page: OpenPage) -> None:
    page = open_page(docs_site)
    assert page.locator("button.copybtn").count() >= 1


def test_search_finds_a_setting(docs_site: str, open_page: OpenPage) -> None:
    page = open_page(f"{docs_site}/search/?q=LAKEFLOW_JOBS_CONSOLE")
    page.wait_for_selector("#search-results li a")
