"""Pages of runs: what tests wait for and click."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ENDED = "[data-part=meta][data-over=yes]"

#: A function that shows or hides the page, as far as its scripts can see.
DEFINE_SHOW = """() => {
  window.show = (visible) => {
    Object.defineProperty(document, "hidden", { value: !visible, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  };
}"""


def wait_for_end(page: Page) -> None:
    page.wait_for_selector(ENDED, state="attached")


def click_link(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait for it. A click by itself does not wait."""
    with page.expect_navigation():
        page.click(selector)


def wait_for_task(page: Page, key: str, kind: str) -> None:
    page.wait_for_selector(f"[data-part=node-{key}] [data-kind={kind}]")
    page.wait_for_selector(f"[id$=-{key}-1] .lf-state[data-kind={kind}]")
